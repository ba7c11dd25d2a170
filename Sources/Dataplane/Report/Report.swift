import Net

/// What a line in the log is to hold besides the usual (NF_LOG_* in uapi/linux/netfilter/nf_log.h, with its values).
public struct LogOptions: OptionSet, Sendable, Hashable {
    public var rawValue: UInt8
    @inline(__always)
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let tcpSequence = LogOptions(rawValue: 0x01)
    public static let tcpOptions = LogOptions(rawValue: 0x02)
    public static let ipOptions = LogOptions(rawValue: 0x04)
    public static let uid = LogOptions(rawValue: 0x08)
    public static let decodedMAC = LogOptions(rawValue: 0x20)
}

/// What a rule tells of a packet, without the bytes: the fixed part of a record in a `ReportRing`.
public struct ReportHeader: Sendable, Hashable {
    public enum Kind: UInt8, Sendable {
        /// LOG: a line in the log.
        case line
        /// NFLOG and ULOG: a copy of the packet.
        case copy
        /// AUDIT: a record for the audit log.
        case audit
    }

    public var kind: Kind
    public var hook: Hook
    /// When the packet's burst began.
    public var time: Instant
    /// Of the whole IP packet, in bytes, however many of them were copied.
    public var totalLength: UInt32 = 0
    public var mark: UInt32 = 0
    public var sender = Sender()
    /// The port it came in on; `.host` for the loopback interface, `.none` where the hook knows none.
    public var ingress = PortIndex.none
    /// The same for the way out.
    public var egress = PortIndex.none
    /// syslog's severity, 0 to 7, of a line.
    public var level: UInt8 = 0
    public var options: LogOptions = []
    /// The netlink group of a copy.
    public var group: UInt16 = 0
    /// Bytes that follow: of the prefix, the Ethernet header with its tags, and the IP packet.
    var prefixLength: UInt8 = 0
    var linkLength: UInt8 = 0
    var copiedLength: UInt32 = 0

    public init(kind: Kind, hook: Hook, time: Instant) {
        self.kind = kind
        self.hook = hook
        self.time = time
    }
}

/// A report as the slow side has it.
public struct Report: Sendable, Hashable {
    public var header: ReportHeader
    /// At most 64 bytes.
    public var prefix: [UInt8]
    /// The Ethernet header with its tags; empty for what did not come in on a port.
    public var link: [UInt8]
    /// The beginning of the IP packet, at least its header.
    public var packet: [UInt8]

    public init(header: ReportHeader, prefix: [UInt8], link: [UInt8], packet: [UInt8]) {
        self.header = header
        self.prefix = prefix
        self.link = link
        self.packet = packet
    }
}

/// Whose socket sent what the host sends.
public struct Sender: Sendable, Hashable {
    public var uid: UInt32 = 0
    public var gid: UInt32 = 0
    /// False for what has no socket with a file: what is forwarded, made here, or the kernel's own.
    public var isKnown = false

    @inline(__always)
    public init() {}

    @inline(__always)
    public init(uid: UInt32, gid: UInt32) {
        self.uid = uid
        self.gid = gid
        isKnown = true
    }
}
