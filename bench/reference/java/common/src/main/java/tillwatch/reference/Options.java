package tillwatch.reference;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The command line that all contenders share. */
public record Options(
        String bootstrap, String input, String output, String group, long records, int partitions, String variant) {

    private static final Set<String> NAMES =
            Set.of("bootstrap", "input", "output", "group", "records", "partitions", "variant");

    /** Reads `--name value` pairs: partitions is 4 unless given, variant the first of `variants`, all else required. */
    public static Options parse(String[] args, List<String> variants) {
        Map<String, String> given = new HashMap<>(Map.of("partitions", "4", "variant", variants.get(0)));
        for (int at = 0; at + 1 < args.length; at += 2) {
            given.put(args[at].replaceFirst("^--", ""), args[at + 1]);
        }
        if (args.length % 2 == 1 || !given.keySet().equals(NAMES)) {
            throw new IllegalArgumentException("options must be --name value for each of " + NAMES + ", got " + given);
        }
        if (!variants.contains(given.get("variant"))) {
            throw new IllegalArgumentException("variant must be one of " + variants + ", got " + given.get("variant"));
        }
        return new Options(
                given.get("bootstrap"), given.get("input"), given.get("output"), given.get("group"),
                Long.parseLong(given.get("records")), Integer.parseInt(given.get("partitions")), given.get("variant"));
    }
}
