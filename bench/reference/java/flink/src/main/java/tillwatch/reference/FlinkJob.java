package tillwatch.reference;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The reference job on Flink: a mini cluster in this process, parallelism 1, checkpoints every 10 s. */
public final class FlinkJob {
    /** Of this process's job: what a function holds is copied on the way to the cluster. */
    static Progress progress;

    private FlinkJob() {}

    public static void main(String[] args) throws Exception {
        Options options = Options.parse(args, List.of("heap", "rocksdb"));
        progress = new Progress(options.records());
        Map<String, String> settings = settings(options.variant());
        Properties kafka = kafka();
        Configuration configuration = Configuration.fromMap(settings);
        configuration.setString("execution.checkpointing.dir", folder("checkpoints").toUri().toString());
        configuration.setString("io.tmp.dirs", folder("state").toString());
        JobClient job = start(options, kafka, configuration);
        job.getJobExecutionResult().whenComplete((result, error) -> progress.fail(
                error != null ? error : new IllegalStateException("the job has ended")));
        progress.await();
        // Flushes the sink; what is stored is the state as of the last record.
        job.stopWithSavepoint(false, folder("savepoints").toUri().toString(), SavepointFormatType.NATIVE).get();
        Map<String, Object> told = new HashMap<>(settings);
        kafka.forEach((name, value) -> told.put("kafka." + name, value));
        progress.print("flink-" + options.variant(), told);
    }

    private static Path folder(String name) {
        return Path.of(name).toAbsolutePath();
    }

    private static JobClient start(Options options, Properties kafka, Configuration configuration) throws Exception {
        String output = options.output();
        KafkaSource<Record> source = KafkaSource.<Record>builder()
                .setBootstrapServers(options.bootstrap())
                .setTopics(options.input())
                .setGroupId(options.group())
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new Decoder())
                .setProperties(kafka)
                .build();
        KafkaSink<byte[]> sink = KafkaSink.<byte[]>builder()
                .setBootstrapServers(options.bootstrap())
                .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .setRecordSerializer((alert, context, timestamp) -> new ProducerRecord<>(output, alert))
                .setKafkaProducerConfig(kafka)
                .build();
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(1, configuration);
        environment
                .fromSource(source, WatermarkStrategy.noWatermarks(), "input")
                .keyBy(record -> record.merchantId, Types.STRING)
                .process(new Checks(), PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO)
                .sinkTo(sink);
        return environment.executeAsync("reference");
    }

    private static Map<String, String> settings(String variant) {
        Map<String, String> settings = new HashMap<>();
        settings.put("state.backend.type", variant.equals("heap") ? "hashmap" : "rocksdb");
        settings.put("execution.checkpointing.interval", "10 s");
        settings.put("execution.checkpointing.storage", "filesystem");
        settings.put("execution.checkpointing.incremental", String.valueOf(variant.equals("rocksdb")));
        settings.put("execution.buffer-timeout.interval", "5 ms");
        settings.put("pipeline.object-reuse", "true");
        settings.put("pipeline.generic-types", "false");
        settings.put("restart-strategy.type", "none");
        settings.put("taskmanager.memory.managed.size", "512 mb");
        settings.put("taskmanager.memory.segment-size", "64 kb");
        return settings;
    }

    private static Properties kafka() {
        Properties kafka = new Properties();
        kafka.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "5000");
        kafka.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, String.valueOf(4 << 20));
        kafka.put(ConsumerConfig.RECEIVE_BUFFER_CONFIG, String.valueOf(1 << 20));
        kafka.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
        kafka.put(ProducerConfig.LINGER_MS_CONFIG, "5");
        kafka.put(ProducerConfig.BATCH_SIZE_CONFIG, String.valueOf(256 << 10));
        return kafka;
    }
}
