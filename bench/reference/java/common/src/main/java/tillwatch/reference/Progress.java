package tillwatch.reference;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.StringWriter;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;

/** Counts the records of one run; `record` and `alert` are called by one thread, the others by `main`. */
public final class Progress {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final long records;
    private final CountDownLatch ended = new CountDownLatch(1);
    private long seen;
    private long alerts;
    private long startNs;
    private long halfNs;
    private long endNs;
    private long startCpuNs;
    private volatile Throwable failure;

    public Progress(long records) {
        this.records = records;
    }

    /** Counts an input record that was processed. */
    public void record() {
        seen++;
        if (seen == 1) {
            startCpuNs = SYSTEM.getProcessCpuTime();
            startNs = System.nanoTime();
        }
        if (seen == records / 2) {
            halfNs = System.nanoTime();
        }
        if (seen == records) {
            endNs = System.nanoTime();
            ended.countDown();
        }
    }

    /** Counts an alert. */
    public void alert() {
        alerts++;
    }

    /** Ends the run with an error. */
    public void fail(Throwable reason) {
        failure = reason;
        ended.countDown();
    }

    /** Waits until all records were processed; throws what the job failed with. */
    public void await() throws InterruptedException {
        ended.await();
        if (failure != null) {
            throw new IllegalStateException("the job should have processed " + records + " records", failure);
        }
    }

    /** Prints the result, once outputs and state are flushed: that time counts. */
    public void print(String contender, Map<String, Object> settings) throws IOException {
        long nowNs = System.nanoTime();
        double cpuSeconds = (SYSTEM.getProcessCpuTime() - startCpuNs) / 1e9;
        double seconds = (nowNs - startNs) / 1e9;
        StringWriter text = new StringWriter();
        try (JsonGenerator out = new JsonFactory().createGenerator(text)) {
            out.writeStartObject();
            out.writeStringField("contender", contender);
            out.writeNumberField("records", seen);
            out.writeNumberField("seconds", seconds);
            out.writeNumberField("rate", records / seconds);
            out.writeNumberField("rate_second_half", (records - records / 2) / ((nowNs - halfNs) / 1e9));
            out.writeNumberField("alerts", alerts);
            out.writeNumberField("cpu_seconds", cpuSeconds);
            out.writeNumberField("flush_seconds", (nowNs - endNs) / 1e9);
            out.writeObjectFieldStart("settings");
            for (Map.Entry<String, Object> each : new TreeMap<>(settings).entrySet()) {
                out.writeStringField(each.getKey(), each.getValue().toString());
            }
            out.writeStringField("java", System.getProperty("java.version"));
            List<String> options = ManagementFactory.getRuntimeMXBean().getInputArguments();
            out.writeStringField("java.options", String.join(" ", options));
            out.writeStringField("java.gc", String.join(", ", collectors()));
            out.writeEndObject();
            out.writeEndObject();
        }
        System.out.println(text);
    }

    private static Iterable<String> collectors() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream().map(GarbageCollectorMXBean::getName)::iterator;
    }
}
