import Net
import Synchronization

/// How the source of a packet is checked (`rp_filter`).
public enum SourceCheck: UInt8, Sendable, Codable {
    case off = 0
    /// RFC 3704, 2.2: the way back leads out of the ingress port.
    case strict = 1
    /// RFC 3704, 2.4: there is a way back.
    case loose = 2
}

/// What the kernel's per-interface sysctls say, or our configuration in their stead.
public struct PortSettings: Hashable, Sendable {
    public var sourceCheck: SourceCheck
    /// `accept_local`: packets from our own addresses may come in.
    public var acceptsLocalSource: Bool
    /// `route_localnet`: 127.0.0.0/8 is not martian.
    public var routesLoopback: Bool
    /// `src_valid_mark`: the packet's mark counts in the source check.
    public var marksSourceCheck: Bool
    /// `send_redirects`: affects which source check applies to packets that leave where they came in.
    public var sendsRedirects: Bool

    public init(
        sourceCheck: SourceCheck = .off, acceptsLocalSource: Bool = false, routesLoopback: Bool = false,
        marksSourceCheck: Bool = false, sendsRedirects: Bool = true
    ) {
        self.sourceCheck = sourceCheck
        self.acceptsLocalSource = acceptsLocalSource
        self.routesLoopback = routesLoopback
        self.marksSourceCheck = marksSourceCheck
        self.sendsRedirects = sendsRedirects
    }

    fileprivate var bits: UInt32 {
        UInt32(sourceCheck.rawValue) << 8 | (acceptsLocalSource ? 1 << 10 : 0) | (routesLoopback ? 1 << 11 : 0)
            | (marksSourceCheck ? 1 << 12 : 0) | (sendsRedirects ? 1 << 13 : 0)
    }

    @inline(__always)
    fileprivate init(bits: UInt32) {
        sourceCheck = SourceCheck(rawValue: UInt8(truncatingIfNeeded: bits >> 8 & 3)) ?? .off
        acceptsLocalSource = bits & 1 << 10 != 0
        routesLoopback = bits & 1 << 11 != 0
        marksSourceCheck = bits & 1 << 12 != 0
        sendsRedirects = bits & 1 << 13 != 0
    }
}

/// An address of an interface, as source selection sees it. Address 0 ends a list.
struct SourceAddress {
    var address: UInt32
    var mask: UInt32
    var scope: UInt8
}

/// The ports' links and addresses, as workers see them.
public struct PortTable: Sendable {
    struct Entry: ~Copyable {
        let link: Atomic<Int32>
        let mtu: Atomic<UInt32>
        let mac: Atomic<UInt64>
        /// IFLA_GROUP.
        let group: Atomic<UInt32>
        /// Bit 0 present, 1 up, 2 running; settings from bit 8.
        let flags: Atomic<UInt32>
        /// Primary addresses in the kernel's order; nil if the link has none at all.
        let addresses: AtomicSlab<SourceAddress>
    }

    /// 256 entries, so that every `PortIndex` has one.
    let entries = Slab<Entry>(count: 256)
    private let shared = Slab<Shared>(count: 1)

    struct Shared: ~Copyable {
        /// Every address of every link of the host, as a set with open addressing.
        let local: AtomicSlab<UInt32>
        /// Primary addresses of all links, in the order of the links.
        let everywhere: AtomicSlab<SourceAddress>
    }

    init() {}

    /// Whether there is such a port just now.
    @inline(__always)
    public func exists(_ port: PortIndex) -> Bool { flags(port) & 1 != 0 }
    /// Set up by the operator.
    @inline(__always)
    public func isUp(_ port: PortIndex) -> Bool { flags(port) & 2 != 0 }
    /// Has carrier.
    @inline(__always)
    public func isRunning(_ port: PortIndex) -> Bool { flags(port) & 4 != 0 }
    @inline(__always)
    public func settings(_ port: PortIndex) -> PortSettings { PortSettings(bits: flags(port)) }
    @inline(__always)
    public func mac(_ port: PortIndex) -> MACAddress {
        MACAddress(rawValue: entries[Int(port.rawValue)].mac.load(ordering: .relaxed))
    }
    /// Bytes of an IP packet; 0 if there is no such port.
    @inline(__always)
    public func mtu(_ port: PortIndex) -> UInt32 { entries[Int(port.rawValue)].mtu.load(ordering: .relaxed) }
    /// The group that the operator put the interface into (IFLA_GROUP); of `.host`, loopback's. 0 is "default".
    @inline(__always)
    public func group(_ port: PortIndex) -> UInt32 { entries[Int(port.rawValue)].group.load(ordering: .relaxed) }
    @inline(__always)
    public func link(_ port: PortIndex) -> LinkIndex {
        LinkIndex(rawValue: entries[Int(port.rawValue)].link.load(ordering: .relaxed))
    }
    @inline(__always)
    public func hasAddresses(_ port: PortIndex) -> Bool { entries[Int(port.rawValue)].addresses.load() != nil }

    /// Whether an address is one of the host's own, on whatever interface (inet_lookup_ifaddr_rcu).
    @inline(__always)
    public func isLocal(_ address: IPv4Address) -> Bool {
        guard let set = shared[0].local.load(), address.rawValue != 0 else { return false }
        var slot = Self.slot(address.rawValue, set.count)
        for _ in 0..<set.count {
            if set[slot] == address.rawValue { return true }
            if set[slot] == 0 { return false }
            slot = (slot &+ 1) & (set.count &- 1)
        }
        return false
    }

    /// The source address for packets out of a port (inet_select_addr in net/ipv4/devinet.c): the first primary address
    /// whose prefix holds `toward`, else the port's first, else the first of any interface that is not of link scope.
    /// - Parameters:
    ///   - toward: the next hop, or 0.0.0.0 for none in particular.
    ///   - scope: addresses of a narrower scope (a higher number) are left out.
    /// - Returns: 0.0.0.0 if there is none.
    public func selectSource(_ port: PortIndex, toward: IPv4Address = .any, scope: UInt8 = 0) -> IPv4Address {
        var first: UInt32 = 0
        let narrowest: UInt8 = settings(port).routesLoopback ? 253 : 254
        if let list = entries[Int(port.rawValue)].addresses.load() {
            for i in 0..<list.count {
                let candidate = list[i]
                if candidate.address == 0 { break }
                if min(candidate.scope, narrowest) > scope { continue }
                if toward.rawValue == 0 || (toward.rawValue ^ candidate.address) & candidate.mask == 0 {
                    return IPv4Address(rawValue: candidate.address)
                }
                if first == 0 { first = candidate.address }
            }
        }
        if first == 0, let list = shared[0].everywhere.load() {
            for i in 0..<list.count where first == 0 {
                if list[i].address == 0 { break }
                if list[i].scope != 253, list[i].scope <= scope { first = list[i].address }
            }
        }
        return IPv4Address(rawValue: first)
    }

    @inline(__always)
    private func flags(_ port: PortIndex) -> UInt32 { entries[Int(port.rawValue)].flags.load(ordering: .relaxed) }

    @inline(__always)
    private static func slot(_ address: UInt32, _ count: Int) -> Int {
        // Fibonacci hashing; wrapping is meant.
        Int((address &* 0x9E37_79B9) >> 7) & (count &- 1)
    }

    // The writer's side.

    /// Sets what a port's link says; nil takes the port out.
    func set(_ port: PortIndex, index: LinkIndex, link: Link?, settings: PortSettings) {
        let entry = Int(port.rawValue)
        var flags: UInt32 = 0
        if index != .none { flags = settings.bits | 1 }
        if let link { flags |= (link.isUp ? 2 : 0) | (link.isRunning ? 4 : 0) }
        entries[entry].link.store(index.rawValue, ordering: .relaxed)
        entries[entry].mtu.store(UInt32(clamping: link?.mtu ?? 0), ordering: .relaxed)
        entries[entry].mac.store(link?.mac.rawValue ?? 0, ordering: .relaxed)
        entries[entry].group.store(link?.group ?? 0, ordering: .relaxed)
        entries[entry].flags.store(flags, ordering: .releasing)
    }

    /// Sets the group of loopback, which no port has.
    func setLoopbackGroup(_ group: UInt32) {
        entries[Int(PortIndex.host.rawValue)].group.store(group, ordering: .relaxed)
    }

    /// Replaces the addresses of a port. `hasAny` tells a link with only secondary addresses from one with none.
    /// - Returns: the block that readers may still hold.
    func setAddresses(_ port: PortIndex, _ list: [SourceAddress], hasAny: Bool) -> Slab<SourceAddress>? {
        let old = entries[Int(port.rawValue)].addresses.load()
        entries[Int(port.rawValue)].addresses.store(hasAny ? Self.block(list) : nil)
        return old
    }

    /// Replaces what is known of all interfaces' addresses.
    /// - Returns: the blocks that readers may still hold.
    func setEverywhere(_ list: [SourceAddress], local: Set<UInt32>) -> (Slab<SourceAddress>?, Slab<UInt32>?) {
        let old = (shared[0].everywhere.load(), shared[0].local.load())
        var size = 8
        while size < local.count * 2 { size *= 2 }
        let set = Slab<UInt32>(count: size)
        for address in local where address != 0 {
            var slot = Self.slot(address, size)
            while set[slot] != 0 { slot = (slot + 1) & (size - 1) }
            set[slot] = address
        }
        shared[0].everywhere.store(Self.block(list))
        shared[0].local.store(set)
        return old
    }

    private static func block(_ list: [SourceAddress]) -> Slab<SourceAddress> {
        var size = 1
        while size <= list.count { size *= 2 }
        let block = Slab<SourceAddress>(count: size)
        for (i, address) in list.enumerated() { block[i] = address }
        return block
    }

    func deallocate() {
        for i in 0..<entries.count { entries[i].addresses.load()?.deallocate() }
        shared[0].local.load()?.deallocate()
        shared[0].everywhere.load()?.deallocate()
        entries.deallocate()
        shared.deallocate()
    }
}
