import Net

/// An estimate of the rate at which packets come, which `-j RATEEST` feeds and `-m rateest` reads: shared by all rules that name it.
///
/// It is the kernel's estimator with its integers (net/core/gen_estimator.c): at the end of each interval the rate during it, times
/// 2⁸, goes with the weight 2^-averaging into a moving average. Nothing ticks here: whoever looks first after the end of an interval
/// does what was due.
public final class RateEstimator: RuleState {
    /// An interval is 250 ms times two to this power: 0 to 5.
    public let intervalPower: UInt8
    /// 1 to 30.
    public let averaging: UInt8
    private let cell = Slab<RateMeter.Cell>(count: 1)

    public init(intervalPower: UInt8, averaging: UInt8) {
        self.intervalPower = intervalPower
        self.averaging = averaging
        cell[0].intervalPower = UInt64(intervalPower)
        cell[0].averaging = UInt64(averaging)
    }

    deinit { cell.deallocate() }

    /// For the compiled rules.
    public var meter: RateMeter { RateMeter(cell: cell) }
}

/// What the packet path sees of a `RateEstimator`.
@safe public struct RateMeter: Sendable {
    struct Cell: ~Copyable {
        let lock = SpinLock()
        var intervalPower: UInt64
        var averaging: UInt64
        /// When the present interval ends; 0 until the meter has first been looked at.
        var end = Instant(nanoseconds: 0)
        var bytes: UInt64 = 0
        var packets: UInt64 = 0
        /// What they were when the present interval began.
        var earlierBytes: UInt64 = 0
        var earlierPackets: UInt64 = 0
        /// Averages a second, times 2⁸.
        var byteRate: UInt64 = 0
        var packetRate: UInt64 = 0
    }

    private static let shortest: UInt64 = 250_000_000

    let cell: Slab<Cell>

    /// Counts a packet.
    func add(bytes: Int, at now: Instant) {
        cell[0].lock.lock()
        catchUp(with: now)
        cell[0].bytes &+= UInt64(bytes)
        cell[0].packets &+= 1
        cell[0].lock.unlock()
    }

    /// Bytes and packets a second.
    func read(at now: Instant) -> (bytes: UInt64, packets: UInt64) {
        cell[0].lock.lock()
        catchUp(with: now)
        let rates = (cell[0].byteRate >> 8, cell[0].packetRate >> 8)
        cell[0].lock.unlock()
        return rates
    }

    /// Does what is due, so that nobody who comes after a long time has to.
    func advance(to now: Instant) {
        cell[0].lock.lock()
        catchUp(with: now)
        cell[0].lock.unlock()
    }

    /// With the lock held.
    private func catchUp(with now: Instant) {
        let interval = Self.shortest << cell[0].intervalPower
        if cell[0].end.nanoseconds == 0 { cell[0].end = now + interval }
        while now >= cell[0].end {
            let averaging = cell[0].averaging
            let isQuiet = cell[0].bytes == cell[0].earlierBytes && cell[0].packets == cell[0].earlierPackets
            if isQuiet, cell[0].byteRate >> averaging == 0, cell[0].packetRate >> averaging == 0 {
                // From here on nothing changes by itself.
                cell[0].end = cell[0].end + (now.since(cell[0].end) / interval + 1) * interval
                return
            }
            // est_timer; wrapping as the kernel's unsigned numbers do.
            let scale = 10 - cell[0].intervalPower
            let bytes = (cell[0].bytes &- cell[0].earlierBytes) << scale
            let packets = (cell[0].packets &- cell[0].earlierPackets) << scale
            cell[0].byteRate &+= (bytes >> averaging) &- (cell[0].byteRate >> averaging)
            cell[0].packetRate &+= (packets >> averaging) &- (cell[0].packetRate >> averaging)
            cell[0].earlierBytes = cell[0].bytes
            cell[0].earlierPackets = cell[0].packets
            cell[0].end = cell[0].end + interval
        }
    }
}

/// `-m rateest` (xt_rateest_mt in net/netfilter/xt_rateest.c).
public struct RateTest: Sendable {
    public enum Comparison: UInt8, Sendable { case less, greater, equal }
    /// Of bytes and packets a second.
    public struct Rates: Sendable {
        public var bytes: UInt32
        public var packets: UInt32
        public init(bytes: UInt32 = 0, packets: UInt32 = 0) {
            self.bytes = bytes
            self.packets = packets
        }
    }

    /// By number; `second` is nil for a comparison with fixed rates.
    public var first: UInt32
    public var second: UInt32?
    public var comparison: Comparison
    public var isNegated: Bool
    public var comparesBytes: Bool
    public var comparesPackets: Bool
    /// What is left of these when the first meter's rates are taken off is compared; nil for the rates themselves.
    public var firstDelta: Rates?
    /// The fixed rates; with a second meter, what its rates are taken off.
    public var secondRates: Rates

    public init(
        first: UInt32, second: UInt32?, comparison: Comparison, isNegated: Bool, comparesBytes: Bool,
        comparesPackets: Bool, firstDelta: Rates?, secondRates: Rates
    ) {
        self.first = first
        self.second = second
        self.comparison = comparison
        self.isNegated = isNegated
        self.comparesBytes = comparesBytes
        self.comparesPackets = comparesPackets
        self.firstDelta = firstDelta
        self.secondRates = secondRates
    }

    func matches(_ meters: Slab<RateMeter>, at now: Instant) -> Bool {
        let one = Self.rates(meters[first], less: firstDelta, at: now)
        let other =
            second.map { Self.rates(meters[$0], less: firstDelta == nil ? nil : secondRates, at: now) } ?? secondRates
        return ((!comparesBytes || compare(one.bytes, other.bytes))
            && (!comparesPackets || compare(one.packets, other.packets))) != isNegated
    }

    private static func rates(_ meter: RateMeter, less delta: Rates?, at now: Instant) -> Rates {
        let sample = meter.read(at: now)
        guard let delta else {
            // The kernel keeps the lower half too.
            return Rates(
                bytes: UInt32(truncatingIfNeeded: sample.bytes), packets: UInt32(truncatingIfNeeded: sample.packets))
        }
        func left(_ limit: UInt32, _ rate: UInt64) -> UInt32 {
            UInt64(limit) >= rate ? limit - UInt32(truncatingIfNeeded: rate) : 0
        }
        return Rates(bytes: left(delta.bytes, sample.bytes), packets: left(delta.packets, sample.packets))
    }

    private func compare(_ one: UInt32, _ other: UInt32) -> Bool {
        switch comparison {
        case .less: one < other
        case .greater: one > other
        case .equal: one == other
        }
    }
}
