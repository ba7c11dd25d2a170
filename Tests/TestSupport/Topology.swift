import Net

/// What a laboratory looks like. The standard one:
///
///     client ─ eth0 ── lan0 ┐          ┌ wan0 ── eth0 ─ server
///       10.0.0.2            │  router  │           198.51.100.2
///              10.0.0.1/24  └──┬───────┘  198.51.100.1/24
///                            dmz0  172.16.0.1/24
///                              │
///                            eth0 ─ web  172.16.0.2          (optional)
///
/// Every box is a network namespace. The router's default route points to the server.
public struct Topology: Sendable {
    /// A side of the router: a NIC of it, and the namespace behind.
    public struct Side: Sendable, Hashable {
        /// The router's interface.
        public var interface: String
        /// The namespace at the other end, whose interface is always `eth0`.
        public var host: String
        /// The router's address and prefix; hosts are numbered in it, the first being `.2`.
        public var address: IPv4Prefix
        public var mtu = 1500

        public init(interface: String, host: String, address: IPv4Prefix, mtu: Int = 1500) {
            self.interface = interface
            self.host = host
            self.address = address
            self.mtu = mtu
        }

        /// The name that scenarios call it by: `lan` for `lan0`.
        public var name: String { String(interface.prefix { !$0.isNumber }) }
        public var hostAddress: IPv4Address { hostAddress(2) }
        public func hostAddress(_ number: UInt32) -> IPv4Address {
            IPv4Address(rawValue: address.network.address.rawValue + number)
        }
    }

    /// What is behind the router's NICs.
    public enum Ends: Sendable {
        /// Namespaces with addresses, routes and ARP, for real programs. `routed`: the far side knows the way back to the
        /// LAN; without it only translated packets are answered.
        case live(routed: Bool)
        /// Cables on which a test sends and captures frames. Nobody answers; the router has permanent neighbours .2 to .9
        /// on each side, all at the other end of the cable.
        case cables
    }

    public var sides: [Side]
    public var ends: Ends
    /// Queues of each NIC of the router and of what it is connected to, 1 or 2.
    public var queues = 1
    /// Where the router's default route points; nil for none.
    public var defaultRoute: IPv4Address? = "198.51.100.2"

    public init(sides: [Side], ends: Ends, queues: Int = 1) {
        self.sides = sides
        self.ends = ends
        self.queues = queues
    }

    public static let lan = Side(interface: "lan0", host: "client", address: "10.0.0.1/24")
    public static let wan = Side(interface: "wan0", host: "server", address: "198.51.100.1/24")
    public static let dmz = Side(interface: "dmz0", host: "web", address: "172.16.0.1/24")

    public static func live(routed: Bool = false, dmz: Bool = false, queues: Int = 1) -> Topology {
        Topology(sides: dmz ? [lan, wan, self.dmz] : [lan, wan], ends: .live(routed: routed), queues: queues)
    }

    public static func cables(queues: Int = 1) -> Topology {
        Topology(sides: [lan, wan, dmz], ends: .cables, queues: queues)
    }

    /// The Ethernet address of the router on a side, and of host `.N` behind it.
    public func routerMAC(_ side: Int) -> MACAddress { MACAddress(rawValue: 0x0200_0000_0001 | UInt64(side + 1) << 8) }
    public func hostMAC(_ side: Int, _ number: UInt32) -> MACAddress {
        MACAddress(rawValue: 0x0200_0000_0000 | UInt64(side + 1) << 8 | UInt64(number & 255))
    }

    /// Gives a packet that has none Ethernet addresses: from the host that has its source address, or else the first behind
    /// the cable, to the router; or to the group that its destination is.
    public func address(_ packet: inout TestPacket, side: Int) {
        guard packet.ethernet == nil else { return }
        var host: UInt32 = 2
        if let source = packet.ip?.source, sides[side].address.contains(source) { host = source.rawValue & 255 }
        packet.ethernet = .init(source: hostMAC(side, host), destination: routerMAC(side))
        if let destination = packet.ip?.destination {
            if destination.isMulticast {
                // RFC 1112, 6.4.
                packet.ethernet?.destination = MACAddress(
                    rawValue: 0x0100_5E00_0000 | UInt64(destination.rawValue & 0x7F_FFFF))
            } else if destination.isLimitedBroadcast || destination == sides[side].address.last {
                packet.ethernet?.destination = .broadcast
            }
        }
    }
}
