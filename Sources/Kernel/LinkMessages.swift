import CXDP
import Net

// Links, addresses and neighbours as rtnetlink writes them (linux/if_link.h, if_addr.h, neighbour.h).

extension Link {
    /// struct ifinfomsg: family, pad, type (16 bits), index, flags, change.
    private static let headerSize = 16

    /// - Returns: nil if the message is not about the link itself: a bridge tells its ports' membership with messages
    ///   of the same number (AF_BRIDGE), and wireless drivers send some without a name.
    init?(_ message: NetlinkMessage) {
        let payload = message.payload
        guard payload.uint8(at: 0) == UInt8(AF_UNSPEC), let index = payload.uint32(at: 4),
            let flags = payload.uint32(at: 8)
        else { return nil }
        var name: String?
        var mac = MACAddress.zero
        var mtu = 0
        var group: UInt32 = 0
        for attribute in payload.attributes(from: Self.headerSize) {
            switch attribute.kind {
            case Int(IFLA_IFNAME): name = attribute.value.text()
            case Int(IFLA_MTU): mtu = Int(attribute.value.uint32(at: 0) ?? 0)
            case Int(IFLA_GROUP): group = attribute.value.uint32(at: 0) ?? 0
            case Int(IFLA_ADDRESS) where attribute.value.count == 6:
                mac = attribute.value.mac(at: 0) ?? .zero
            default: break
            }
        }
        guard let name else { return nil }
        self.init(
            index: LinkIndex(rawValue: Int32(bitPattern: index)), name: name, mac: mac, mtu: mtu,
            isUp: flags & UInt32(IFF_UP) != 0, isRunning: flags & UInt32(IFF_RUNNING) != 0, group: group)
    }

    /// The link that an RTM_DELLINK says is gone, or nil if it tells of a bridge membership.
    static func removed(_ message: NetlinkMessage) -> LinkIndex? {
        guard message.payload.uint8(at: 0) == UInt8(AF_UNSPEC), let index = message.payload.uint32(at: 4) else {
            return nil
        }
        return LinkIndex(rawValue: Int32(bitPattern: index))
    }
}

extension LinkAddress {
    /// struct ifaddrmsg: family, prefix length, flags, scope, index.
    private static let headerSize = 8
    /// IFA_F_SECONDARY (linux/if_addr.h).
    private static let secondaryFlag: UInt32 = 1

    init?(_ message: NetlinkMessage) {
        let payload = message.payload
        guard payload.uint8(at: 0) == UInt8(AF_INET), let length = payload.uint8(at: 1), length <= 32,
            let shortFlags = payload.uint8(at: 2), let scope = payload.uint8(at: 3), let index = payload.uint32(at: 4)
        else { return nil }
        var flags = UInt32(shortFlags)
        var local: IPv4Address?
        var peer: IPv4Address?
        var broadcast: IPv4Address?
        for attribute in payload.attributes(from: Self.headerSize) {
            switch attribute.kind {
            case Int(IFA_LOCAL): local = attribute.value.address(at: 0)
            case Int(IFA_ADDRESS): peer = attribute.value.address(at: 0)
            case Int(IFA_BROADCAST): broadcast = attribute.value.address(at: 0)
            case Int(IFA_FLAGS): flags = attribute.value.uint32(at: 0) ?? flags
            default: break
            }
        }
        // On a point-to-point link IFA_ADDRESS is the far end's, and IFA_LOCAL alone is ours.
        guard let address = local ?? peer else { return nil }
        self.init(
            link: LinkIndex(rawValue: Int32(bitPattern: index)), prefix: IPv4Prefix(address, length),
            broadcast: broadcast, scope: scope, isSecondary: flags & Self.secondaryFlag != 0)
    }
}

extension Neighbor {
    /// struct ndmsg: family, three pads, index, state (16 bits), flags, type.
    static let headerSize = 12
    /// NTF_PROXY (linux/neighbour.h): an address we would answer ARP for, and no neighbour.
    private static let proxyFlag: UInt8 = 1 << 3

    init?(_ message: NetlinkMessage) {
        let payload = message.payload
        guard payload.uint8(at: 0) == UInt8(AF_INET), let index = payload.uint32(at: 4),
            let bits = payload.uint16(at: 8), let flags = payload.uint8(at: 10), flags & Self.proxyFlag == 0
        else { return nil }
        var address: IPv4Address?
        var mac: MACAddress?
        for attribute in payload.attributes(from: Self.headerSize) {
            switch attribute.kind {
            case Int(NDA_DST): address = attribute.value.address(at: 0)
            case Int(NDA_LLADDR) where attribute.value.count == 6: mac = attribute.value.mac(at: 0)
            default: break
            }
        }
        guard let address else { return nil }
        let state = State(kernelBits: bits)
        self.init(
            link: LinkIndex(rawValue: Int32(bitPattern: index)), address: address, mac: state.isUsable ? mac : nil,
            state: state)
    }
}

extension Neighbor.State {
    /// NUD_… (linux/neighbour.h). One bit at a time is set; more than one would be a kernel we do not know.
    init(kernelBits bits: UInt16) {
        switch bits {
        case 0x01: self = .incomplete
        case 0x02: self = .reachable
        case 0x04: self = .stale
        case 0x08: self = .delay
        case 0x10: self = .probe
        case 0x20: self = .failed
        case 0x40: self = .noarp
        case 0x80: self = .permanent
        default: self = .none
        }
    }
}
