package tillwatch.reference;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.nio.charset.StandardCharsets;

/** The alert of the reference job, as the value of an output record. */
public final class Alert {
    private Alert() {}

    /** Returns its JSON. */
    public static byte[] json(String kind, String merchantId, String at) {
        String text = "{\"kind\":\"" + kind + "\",\"merchant_id\":\"" + quoted(merchantId) + "\",\"at\":\"" + quoted(at)
                + "\"}";
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String quoted(String text) {
        return new String(JsonStringEncoder.getInstance().quoteAsString(text));
    }
}
