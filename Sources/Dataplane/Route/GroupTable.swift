import Net
import Synchronization

/// The multicast groups that the host has joined, by port. What is sent to another group is not for us: as in the kernel it is dropped
/// before INPUT (ip_check_mc_rcu in net/ipv4/igmp.c).
///
/// The slow side rewrites the whole list, a word at a time; for a moment a reader may see a part of either list.
public struct GroupTable: Sendable {
    /// Memberships that it holds; more are not seen.
    public static let limit = 1024
    /// 224.0.0.1, all systems, of which every host is a member (RFC 1112, 4).
    static let allSystems = IPv4Address(224, 0, 0, 1)

    private let members = Slab<Atomic<UInt64>>(count: GroupTable.limit)
    private let count = Slab<Atomic<UInt32>>(count: 1)

    public init() {}

    private static func key(_ port: PortIndex, _ group: IPv4Address) -> UInt64 {
        UInt64(port.rawValue) << 32 | UInt64(group.rawValue)
    }

    /// Whether the host listens to `group` on `port`. IGMP itself it always hears.
    func hears(_ group: IPv4Address, on port: PortIndex, _ ipProtocol: IPProtocol) -> Bool {
        if group == Self.allSystems || ipProtocol == .igmp { return true }
        let wanted = Self.key(port, group)
        for index in 0..<count[0].load(ordering: .acquiring)
        where members[index].load(ordering: .relaxed) == wanted {
            return true
        }
        return false
    }

    /// Replaces the list.
    public func set(_ memberships: [(PortIndex, IPv4Address)]) {
        let known = memberships.prefix(Self.limit)
        for (index, (port, group)) in known.enumerated() {
            members[index].store(Self.key(port, group), ordering: .relaxed)
        }
        count[0].store(UInt32(known.count), ordering: .releasing)
    }
}
