/// Sysctls of net.ipv4 that the router goes by where it does the kernel's work. A value that cannot be read (some exist
/// only in the first network namespace, or in newer kernels) is the kernel's default.
public struct KernelSettings: Hashable, Sendable {
    /// icmp_ratelimit: least milliseconds between two limited messages to one destination; 0 for no limit.
    public var icmpRateLimit = 1000
    /// icmp_ratemask: bit N set means that ICMP type N is limited.
    public var icmpRateMask: UInt32 = 0x1818
    /// icmp_msgs_per_sec: limit over all destinations; 0 for none.
    public var icmpMessagesPerSecond = 1000
    /// icmp_msgs_burst: how many may go at once.
    public var icmpMessagesBurst = 50
    /// icmp_errors_use_inbound_ifaddr: errors come from the ingress port's address.
    public var icmpErrorsUseIngressAddress = false
    /// ip_default_ttl.
    public var defaultTTL: UInt8 = 64
    /// ip_local_port_range: what the host's own connections choose from.
    public var localPorts: ClosedRange<UInt16> = 32768...60999
    /// ip_no_pmtu_disc: 0 to 3.
    public var noPathMTUDiscovery = 0
    /// ip_forward_use_pmtu: forwarded packets obey learnt path MTUs.
    public var forwardUsesPathMTU = false
    /// ip_forward_update_priority: forwarding sets a packet's priority from its tos.
    public var forwardUpdatesPriority = true
    /// fib_multipath_hash_policy: 0 addresses, 1 with ports, 2 inner addresses, 3 chosen fields.
    public var multipathHashPolicy = 0
    /// fib_multipath_use_neigh: hops whose neighbour is known to be dead are passed over.
    public var multipathUsesNeighbors = false
    /// ip_forward, the namespace's switch; what counts for a port is its own forwarding.
    public var forwards = false

    public init() {}

    /// The settings of the calling thread's network namespace.
    public static func read() -> KernelSettings {
        read { TextFile.value("/proc/sys/net/ipv4/" + $0) }
    }

    /// - Parameter value: gives a sysctl's text, its words separated by single spaces, or nil.
    static func read(_ value: (String) -> String?) -> KernelSettings {
        func number(_ name: String) -> Int? { value(name).flatMap { Int($0) } }
        func flag(_ name: String, else other: Bool) -> Bool { number(name).map { $0 != 0 } ?? other }
        var settings = KernelSettings()
        settings.icmpRateLimit = number("icmp_ratelimit") ?? settings.icmpRateLimit
        settings.icmpRateMask = number("icmp_ratemask").map { UInt32(truncatingIfNeeded: $0) } ?? settings.icmpRateMask
        settings.icmpMessagesPerSecond = number("icmp_msgs_per_sec") ?? settings.icmpMessagesPerSecond
        settings.icmpMessagesBurst = number("icmp_msgs_burst") ?? settings.icmpMessagesBurst
        settings.icmpErrorsUseIngressAddress = flag("icmp_errors_use_inbound_ifaddr", else: false)
        settings.defaultTTL = number("ip_default_ttl").flatMap { UInt8(exactly: $0) } ?? settings.defaultTTL
        settings.noPathMTUDiscovery = number("ip_no_pmtu_disc") ?? 0
        settings.forwardUsesPathMTU = flag("ip_forward_use_pmtu", else: false)
        settings.forwardUpdatesPriority = flag("ip_forward_update_priority", else: true)
        settings.multipathHashPolicy = number("fib_multipath_hash_policy") ?? 0
        settings.multipathUsesNeighbors = flag("fib_multipath_use_neigh", else: false)
        settings.forwards = flag("ip_forward", else: false)
        let range = value("ip_local_port_range")?.split(separator: " ").compactMap { UInt16($0) } ?? []
        if range.count == 2, range[0] <= range[1] { settings.localPorts = range[0]...range[1] }
        return settings
    }
}
