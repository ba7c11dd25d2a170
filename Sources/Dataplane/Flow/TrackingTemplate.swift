/// What a rule of the raw table says of how a packet is to be tracked (`-j CT`; the template of net/netfilter/xt_CT.c). The first
/// rule that says anything is heard.
public struct TrackingTemplate: Sendable, Equatable {
    public struct Options: OptionSet, Sendable {
        public var rawValue: UInt8
        @inline(__always)
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// A rule has spoken.
        public static let isSet = Options(rawValue: 1 << 0)
        /// The zone is that of the original direction; of the reply; of both.
        public static let original = Options(rawValue: 1 << 1)
        public static let reply = Options(rawValue: 1 << 2)
        /// The zone is the packet's mark when it is tracked, its lower 16 bits.
        public static let byMark = Options(rawValue: 1 << 3)
    }

    var zone: UInt16
    var options: Options
    /// The timeout policy of its flow, by number; 0 for none.
    public var policy: UInt8 = 0
    /// What may be told of its flow.
    public var events: FlowEvents = .all
    /// The helper that reads along with the flow, by its number in `HelperNames`; 0 for none.
    var helper: UInt8 = 0

    /// No rule has spoken: zone 0.
    @inline(__always)
    init() {
        zone = 0
        options = []
    }

    public init(zone: UInt16, options: Options, helper: UInt8 = 0) {
        self.helper = helper
        self.zone = zone
        self.options = options.union(.isSet)
    }

    @inline(__always)
    var isSet: Bool { !options.isEmpty }

    /// The zone that a flow's direction is looked for in (nf_ct_zone_id of include/net/netfilter/nf_conntrack_zones.h).
    @inline(__always)
    func zone(_ direction: Direction, mark: UInt32) -> UInt16 {
        guard options.contains(direction == .original ? .original : .reply) else { return 0 }
        return options.contains(.byMark) ? UInt16(truncatingIfNeeded: mark) : zone
    }
}
