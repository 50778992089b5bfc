package tillwatch.reference;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serdes.ByteArraySerde;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The reference job on Kafka Streams: one thread, a RocksDB store with its changelog. */
public final class StreamsJob {
    private static final String STORE = "merchants";
    private static final Duration CLOSES_WITHIN = Duration.ofSeconds(60);

    private StreamsJob() {}

    public static void main(String[] args) throws Exception {
        Options options = Options.parse(args, List.of("cache", "nocache"));
        Progress progress = new Progress(options.records());
        Map<String, Object> settings = settings(options.variant());
        Properties properties = new Properties();
        properties.putAll(settings);
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.bootstrap());
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, options.group());
        properties.put(StreamsConfig.STATE_DIR_CONFIG, Path.of("state").toAbsolutePath().toString());
        try (KafkaStreams streams = new KafkaStreams(topology(options, progress), properties)) {
            streams.setUncaughtExceptionHandler(error -> {
                progress.fail(error);
                return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
            });
            streams.start();
            progress.await();
            // Commits: flushes cache, changelog and output, then the offsets.
            if (!streams.close(CLOSES_WITHIN)) {
                throw new IllegalStateException("Kafka Streams should have closed within " + CLOSES_WITHIN);
            }
        }
        progress.print("kafka-streams-" + options.variant(), settings);
    }

    private static Map<String, Object> settings(String variant) {
        Map<String, Object> settings = new HashMap<>();
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 10_000);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, variant.equals("cache") ? 64 << 20 : 0);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, ByteArraySerde.class.getName());
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, ByteArraySerde.class.getName());
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 20_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 << 20);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.RECEIVE_BUFFER_CONFIG), 1 << 20);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 5);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 64L << 20);
        return settings;
    }

    private static Topology topology(Options options, Progress progress) {
        StoreBuilder<KeyValueStore<byte[], byte[]>> store = Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(STORE), Serdes.ByteArray(), Serdes.ByteArray());
        store.withLoggingEnabled(Map.of());
        if (options.variant().equals("cache")) {
            store.withCachingEnabled();
        } else {
            store.withCachingDisabled();
        }
        return new Topology()
                .addSource("input", options.input())
                .addProcessor("checks", () -> new Checks(progress), "input")
                .addStateStore(store, "checks")
                .addSink("output", options.output(), "checks");
    }

    /** One per partition, all in one thread. */
    private static final class Checks implements Processor<byte[], byte[], byte[], byte[]> {
        private final Progress progress;
        private final Record record = new Record();
        private final Merchant merchant = new Merchant();
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<byte[], byte[]> merchants;

        Checks(Progress progress) {
            this.progress = progress;
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            merchants = context.getStateStore(STORE);
        }

        @Override
        public void process(org.apache.kafka.streams.processor.api.Record<byte[], byte[]> input) {
            try {
                record.parse(input.value());
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            if (record.type != Record.OTHER) {
                byte[] key = input.key();
                merchant.load(merchants.get(key));
                merchant.take(record, (kind, at) -> alert(input, kind, at));
                merchants.put(key, merchant.store());
            }
            progress.record();
        }

        private void alert(
                org.apache.kafka.streams.processor.api.Record<byte[], byte[]> input, String kind, String at) {
            progress.alert();
            String merchantId = new String(input.key(), StandardCharsets.UTF_8);
            context.forward(input.withValue(Alert.json(kind, merchantId, at)));
        }
    }
}
