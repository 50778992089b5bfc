package tillwatch.reference;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** The three rules, and the JSON of their alerts. */
final class Checks extends KeyedProcessFunction<String, Record, byte[]> {
    private static final long serialVersionUID = 1;

    private transient ValueState<Merchant> merchants;
    private transient Progress progress;

    @Override
    public void open(OpenContext context) {
        progress = FlinkJob.progress;
        merchants = getRuntimeContext().getState(new ValueStateDescriptor<>("merchants", new MerchantSerializer()));
    }

    @Override
    public void processElement(Record record, Context context, Collector<byte[]> out) throws Exception {
        if (record.type != Record.OTHER) {
            Merchant known = merchants.value();
            Merchant merchant = known == null ? new Merchant() : known;
            merchant.take(record, (kind, at) -> {
                progress.alert();
                out.collect(Alert.json(kind, record.merchantId, at));
            });
            merchants.update(merchant);
        }
        progress.record();
    }
}
