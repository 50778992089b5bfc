package tillwatch.reference;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** What the job keeps of one merchant, and the three rules; 72 bytes when stored. */
public final class Merchant {
    /** Takes the alerts of a merchant. */
    @FunctionalInterface
    public interface Alerts {
        void alert(String kind, String at);
    }

    /** Bytes of a stored merchant. */
    public static final int SIZE = 72;

    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle DOUBLE =
            MethodHandles.byteArrayViewVarHandle(double[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final long WINDOW_MS = 300_000;
    private static final long LATENESS_MS = 60_000;
    private static final long NONE = -1;
    private static final int WINDOWS_BEFORE = 8;

    private int mcc;
    private int ratePpm;
    /** The largest event time seen, epoch milliseconds. */
    private long clock;
    /** The starts of the at most two open windows, ascending, NONE for none, and the amounts in them. */
    private long older = NONE;
    private long olderTotal;
    private long newer = NONE;
    private long newerTotal;
    /** Of the totals of the windows closed: how many, mean, sum of squared deviations. */
    private long closed;
    private double mean;
    private double m2;

    /** Takes the next record of this merchant. */
    public void take(Record record, Alerts alerts) {
        switch (record.type) {
            case Record.TRANSACTION -> transaction(record, alerts);
            case Record.MERCHANT -> mcc = record.mcc;
            case Record.CONTRACT -> ratePpm = record.ratePpm;
            default -> { }
        }
    }

    private void transaction(Record txn, Alerts alerts) {
        if (txn.mcc != mcc) {
            alerts.alert("mcc", txn.txnId);
        }
        long due = (txn.amount * ratePpm + 500_000) / 1_000_000;
        if (Math.abs(txn.fee - due) > 1) {
            alerts.alert("fee", txn.txnId);
        }
        clock = Math.max(clock, txn.eventTime);
        closeWindows(alerts);
        long window = txn.eventTime - txn.eventTime % WINDOW_MS;
        if (isClosed(window)) {
            alerts.alert("late", txn.txnId);
        } else {
            add(window, txn.amount);
        }
    }

    private boolean isClosed(long window) {
        return window + WINDOW_MS + LATENESS_MS <= clock;
    }

    private void closeWindows(Alerts alerts) {
        while (older != NONE && isClosed(older)) {
            close(older, olderTotal, alerts);
            older = newer;
            olderTotal = newerTotal;
            newer = NONE;
            newerTotal = 0;
        }
    }

    private void close(long window, double total, Alerts alerts) {
        if (closed >= WINDOWS_BEFORE && m2 > 0 && total > mean + 4 * Math.sqrt(m2 / closed)) {
            alerts.alert("volume", Long.toString(window));
        }
        closed++;
        double d = total - mean;
        mean += d / closed;
        m2 += d * (total - mean);
    }

    private void add(long window, long amount) {
        if (window == older) {
            olderTotal += amount;
        } else if (window == newer) {
            newerTotal += amount;
        } else if (older == NONE) {
            older = window;
            olderTotal = amount;
        } else if (window > older) {
            newer = window;
            newerTotal = amount;
        } else {
            newer = older;
            newerTotal = olderTotal;
            older = window;
            olderTotal = amount;
        }
    }

    /** Makes this what was stored, or a merchant never seen for null. */
    public void load(byte[] stored) {
        byte[] from = stored == null ? NEW : stored;
        mcc = (int) INT.get(from, 0);
        ratePpm = (int) INT.get(from, 4);
        clock = (long) LONG.get(from, 8);
        older = (long) LONG.get(from, 16);
        olderTotal = (long) LONG.get(from, 24);
        newer = (long) LONG.get(from, 32);
        newerTotal = (long) LONG.get(from, 40);
        closed = (long) LONG.get(from, 48);
        mean = (double) DOUBLE.get(from, 56);
        m2 = (double) DOUBLE.get(from, 64);
    }

    /** Returns what `load` takes. */
    public byte[] store() {
        byte[] to = new byte[SIZE];
        INT.set(to, 0, mcc);
        INT.set(to, 4, ratePpm);
        LONG.set(to, 8, clock);
        LONG.set(to, 16, older);
        LONG.set(to, 24, olderTotal);
        LONG.set(to, 32, newer);
        LONG.set(to, 40, newerTotal);
        LONG.set(to, 48, closed);
        DOUBLE.set(to, 56, mean);
        DOUBLE.set(to, 64, m2);
        return to;
    }

    private static final byte[] NEW = new Merchant().store();
}
