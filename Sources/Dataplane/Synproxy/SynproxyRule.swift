/// What SYNPROXY tells clients in the server's name (struct xt_synproxy_info).
public struct SynproxyRule: Sendable, Equatable {
    /// Options of TCP that a rule allows, or that a segment has.
    public struct Options: OptionSet, Sendable {
        public var rawValue: UInt8
        @inline(__always)
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let maximumSegmentSize = Options(rawValue: 1 << 0)
        public static let windowScale = Options(rawValue: 1 << 1)
        public static let permitsSACK = Options(rawValue: 1 << 2)
        public static let timestamp = Options(rawValue: 1 << 3)
        public static let ecn = Options(rawValue: 1 << 4)
    }

    public var options: Options
    /// 0 to 14, as the server scales.
    public var windowScale: UInt8
    /// In bytes.
    public var maximumSegmentSize: UInt16

    public init(options: Options, windowScale: UInt8 = 0, maximumSegmentSize: UInt16 = 0) {
        self.options = options
        self.windowScale = windowScale
        self.maximumSegmentSize = maximumSegmentSize
    }
}

/// What a flow that SYNPROXY opened remembers (struct nf_conn_synproxy), beside the table of flows; guarded by the flow's lock.
struct SynproxyFlow: Sendable {
    /// The number that the client was given as the server's first: the cookie.
    var initialNumber: UInt32 = 0
    /// The timestamp that the client was given.
    var initialTimestamp: UInt32 = 0
    /// How far the server's clock is ahead of that.
    var timestampOffset: UInt32 = 0
}
