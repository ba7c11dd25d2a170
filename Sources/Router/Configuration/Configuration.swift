import Net

/// What the operator wrote, as values: the file of DESIGN's outside interfaces, complete and checked.
///
/// It says what is wanted; whether this machine can give it (the interfaces exist, the CPUs are there) is found out at
/// the start, not here, so that a configuration can be checked anywhere.
public struct Configuration: Hashable, Sendable {
    /// In order; a port's place in the list is its `PortIndex`.
    public var ports: [PortConfiguration]
    public var workers = WorkersConfiguration()
    public var rules = RulesConfiguration()
    public var conntrack = ConntrackConfiguration()
    public var recent = RecentConfiguration()
    public var offload = OffloadMode.auto
    public var control = ControlConfiguration()
    public var log = LogConfiguration()
    public var effects = EffectsConfiguration()
    /// What the kernel would have said, for `replay` and tests; nil if the file has no such part.
    public var staticNetwork: StaticNetwork?

    public init(ports: [PortConfiguration]) { self.ports = ports }
}

/// A NIC that Martlet owns.
public struct PortConfiguration: Hashable, Sendable {
    /// How frames are taken from the NIC and given to it.
    public enum IO: String, Sendable, CaseIterable {
        /// The best of the others that the NIC has.
        case auto
        case zeroCopy = "zero-copy"
        case copy
        case afPacket = "af_packet"
    }

    /// Whether a packet's source must be reachable by the port it came in on (RFC 3704).
    public enum ReversePathFilter: String, Sendable, CaseIterable {
        /// As the interface's `rp_filter` sysctl said before the start.
        case kernel
        /// By this very port (rp_filter 1).
        case strict
        /// By any interface (rp_filter 2).
        case loose
        case off
    }

    /// The interface's name in Linux, 1 to 15 bytes.
    public var name: String
    public var io = IO.auto
    public var reversePathFilter = ReversePathFilter.kernel

    public init(name: String) { self.name = name }
}

/// The worker threads.
public struct WorkersConfiguration: Hashable, Sendable {
    /// What a worker does when there is nothing to do.
    public enum Poll: String, Sendable, CaseIterable {
        /// Look again for a short while, then sleep.
        case adaptive
        /// Look again, for ever.
        case busy
        /// Sleep at once.
        case interrupt
    }

    /// The most workers there can be.
    public static let limit = 64

    /// 1 to `limit`; nil to choose: as many as `cpus` names, or else as the machine has.
    public var count: Int?
    /// The CPUs that workers are pinned to, in order; empty for no choice of the operator's.
    public var cpus: [Int] = []
    public var poll = Poll.adaptive

    public init() {}
}

/// Where rules come from. Relative paths of the file are already relative to its folder.
public struct RulesConfiguration: Hashable, Sendable {
    /// iptables-save text; nil for no rules, which is every policy ACCEPT.
    public var ipv4: String?
    /// ipset save text, loaded before the rules.
    public var sets: String?
    /// Take rules that do not act yet: a match that does not act is never met, and a target that does not act does nothing.
    public var allowInactive = false

    public init() {}
}

/// Connection tracking.
public struct ConntrackConfiguration: Hashable, Sendable {
    /// The most flows (nf_conntrack_max); nil to choose by memory, as the kernel does.
    public var max: Int?
    /// The most flows that helpers may have announced (nf_conntrack_expect_max); nil for four to each 256 flows, as the kernel has it.
    public var expectMax: Int?
    /// Pick up TCP connections whose beginning was not seen (nf_conntrack_tcp_loose).
    public var tcpLoose = true
    /// Take only resets out of the window for invalid (nf_conntrack_tcp_be_liberal).
    public var tcpBeLiberal = false
    /// Do not take a reset for invalid because it lies before what was acknowledged (nf_conntrack_tcp_ignore_invalid_rst).
    public var tcpIgnoreInvalidRst = false
    /// How often a segment may come again before the flow's time is cut short (nf_conntrack_tcp_max_retrans), 0 to 255.
    public var tcpMaxRetrans: UInt8 = 3
    /// Track even if no rule needs it.
    public var always = false
    public var timeouts = ConntrackTimeouts()
    /// Take packets with a wrong transport checksum for invalid (nf_conntrack_checksum).
    public var checksum = true
    /// Show what flows have carried (nf_conntrack_acct; the kernel's own default is off).
    public var accounting = true
    /// Note when flows began (nf_conntrack_timestamp).
    public var timestamps = false
    /// What rules may name with `CT --timeout`.
    public var policies: [TimeoutPolicyConfiguration] = []
    /// Destination ports that helpers are assigned to without a rule; nil for the kernel's way, by `-j CT --helper` alone.
    public var helpers: [ConntrackHelper: [UInt16]]?

    public init() {}
}

/// Protocols whose connections announce others, by the names the kernel gives its helpers.
public enum ConntrackHelper: String, Sendable, CaseIterable {
    case ftp, irc, tftp, sip, pptp, sane, snmp, amanda
    case h323 = "Q.931"
    case ras = "RAS"
    case netbios = "netbios-ns"
}

/// How large the lists of `recent` are: what the kernel's module has for parameters.
public struct RecentConfiguration: Hashable, Sendable {
    /// The most addresses there may be on a list.
    public static let mostEntries = 1_000_000
    /// The most times of each (XT_RECENT_MAX_NSTAMPS less one).
    public static let mostStamps = 65_535

    /// Addresses on each list (ip_list_tot), 1 to `mostEntries`; the one unused longest gives way to a new one.
    public var entries = 100
    /// Times remembered of each address (ip_pkt_list_tot), 0 to `mostStamps`; 0 leaves it to the hit counts of the rules.
    public var stamps = 0

    public init() {}
}

/// Which flows leave the workers for the BPF fast path.
public enum OffloadMode: String, Sendable, CaseIterable {
    case off
    /// Every flow for which it changes nothing that can be observed.
    case auto
    /// Of those, only what a rule names with `-j FLOWOFFLOAD`.
    case rule
}

/// The control socket.
public struct ControlConfiguration: Hashable, Sendable {
    public var socket = "/run/martlet/control.sock"
    /// Whose members may use it besides root.
    public var group = "martlet"

    public init() {}
}

/// Where the lines of LOG and AUDIT go.
public struct LogConfiguration: Hashable, Sendable {
    public enum Destination: Hashable, Sendable {
        /// syslog if /dev/log is there, or else standard error.
        case auto
        /// The socket /dev/log.
        case syslog
        /// The journal's own socket.
        case journal
        case standardError
        case file(String)
    }

    public var to = Destination.auto

    public init() {}
}

/// Where what rules do besides goes.
public struct EffectsConfiguration: Hashable, Sendable {
    /// The capture, or the folder of captures, of what NFLOG and ULOG copy; nil for nowhere.
    public var nflog: String?

    public init() {}
}
