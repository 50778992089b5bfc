package tillwatch.reference;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/** What the job needs of one input record; an instance is used again for the next one. */
public final class Record {
    /** The types of records; any other is read over. */
    public static final byte OTHER = 0;
    public static final byte TRANSACTION = 1;
    public static final byte MERCHANT = 2;
    public static final byte CONTRACT = 3;

    private static final JsonFactory JSON = new JsonFactory();

    /** The key of the record; whoever reads records sets it where it is needed. */
    public String merchantId;
    public byte type;
    /** Of a transaction the one presented, of a merchant the one registered. */
    public int mcc;
    /** Of a contract, in parts per million. */
    public int ratePpm;
    /** Of a transaction, in minor units, as is the fee. */
    public long amount;
    public long fee;
    /** Of a transaction, in epoch milliseconds. */
    public long eventTime;
    public String txnId;

    /** Reads a record's JSON; the whole of it, so that what is cut off is found. */
    public void parse(byte[] json) throws IOException {
        type = TRANSACTION;
        mcc = ratePpm = 0;
        amount = fee = eventTime = 0;
        txnId = null;
        try (JsonParser in = JSON.createParser(json)) {
            if (in.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("a record must be a JSON object, got " + in.currentToken());
            }
            // Names are interned, so that the comparisons of the switch end at the first; values not asked for are
            // passed over without being made.
            for (String name = in.nextFieldName(); name != null; name = in.nextFieldName()) {
                JsonToken value = in.nextToken();
                switch (name) {
                    case "txn_id" -> txnId = in.getText();
                    case "amount" -> amount = in.getLongValue();
                    case "fee" -> fee = in.getLongValue();
                    // The times of other types may be text.
                    case "event_time" -> eventTime = value == JsonToken.VALUE_NUMBER_INT ? in.getLongValue() : 0;
                    case "mcc" -> mcc = digits(in);
                    case "type" -> type = typeOf(in.getText());
                    case "mccs" -> firstMcc(in);
                    case "prices" -> firstRate(in);
                    default -> in.skipChildren();
                }
            }
        }
    }

    private static byte typeOf(String name) {
        return switch (name) {
            case "transaction" -> TRANSACTION;
            case "merchant" -> MERCHANT;
            case "contract" -> CONTRACT;
            default -> OTHER;
        };
    }

    private void firstMcc(JsonParser in) throws IOException {
        int depth = 0;
        for (JsonToken at = in.currentToken(); ; at = in.nextToken()) {
            if (at == JsonToken.VALUE_STRING) {
                mcc = digits(in);
            }
            depth += at.isStructStart() ? 1 : at.isStructEnd() ? -1 : 0;
            if (depth == 0) {
                return;
            }
        }
    }

    private void firstRate(JsonParser in) throws IOException {
        int depth = 0;
        for (JsonToken at = in.currentToken(); ; at = in.nextToken()) {
            if (at == JsonToken.VALUE_NUMBER_INT && "rate_ppm".equals(in.currentName())) {
                ratePpm = in.getIntValue();
            }
            depth += at.isStructStart() ? 1 : at.isStructEnd() ? -1 : 0;
            if (depth == 0) {
                return;
            }
        }
    }

    private static int digits(JsonParser in) throws IOException {
        char[] text = in.getTextCharacters();
        int number = 0;
        for (int at = in.getTextOffset(), end = at + in.getTextLength(); at < end; at++) {
            number = 10 * number + text[at] - '0';
        }
        return number;
    }
}
