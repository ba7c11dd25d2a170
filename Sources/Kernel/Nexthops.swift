import CXDP
import Net

/// A nexthop object (`ip nexthop`, linux/nexthop.h): a hop of its own, or a group of such.
struct Nexthop: Hashable {
    enum Content: Hashable {
        case hop(RouteHop)
        case blackhole
        /// Numbers and weights of the members.
        case group([Member])
        /// Cannot be used: why.
        case unusable(String)
    }

    struct Member: Hashable {
        var id: UInt32
        /// 1 to 65,536.
        var weight: Int
    }

    var id: UInt32
    var content: Content

    /// struct nhmsg: family, scope, protocol, reserved, flags (32 bits).
    private static let headerSize = 8
    /// struct nexthop_grp: id, weight - 1 (low byte, then since Linux 6.12 high byte), two reserved bytes.
    private static let memberSize = 8
    /// NHA_… (linux/nexthop.h).
    private enum Field {
        static let id = 1, group = 2, blackhole = 4, outgoingLink = 5, gateway = 6, encapsulation = 8
    }

    init?(_ message: NetlinkMessage) {
        let payload = message.payload
        guard let family = payload.uint8(at: 0), let flags = payload.uint32(at: 4) else { return nil }
        var id: UInt32?
        var link = LinkIndex.none
        var gateway: IPv4Address?
        var members: [Member]?
        var isBlackhole = false
        var problem: String?
        for attribute in payload.attributes(from: Self.headerSize) {
            let value = attribute.value
            switch attribute.kind {
            case Field.id: id = value.uint32(at: 0)
            case Field.group: members = Self.members(value)
            case Field.blackhole: isBlackhole = true
            case Field.outgoingLink: link = LinkIndex(rawValue: Int32(bitPattern: value.uint32(at: 0) ?? 0))
            case Field.gateway where value.count == 4: gateway = value.address(at: 0)
            case Field.gateway: problem = "its gateway is not IPv4"
            case Field.encapsulation: problem = "it has an encapsulation"
            default: break
            }
        }
        guard let id else { return nil }
        self.id = id
        if let members {
            content = .group(members)
        } else if isBlackhole {
            content = .blackhole
        } else if let problem {
            content = .unusable("nexthop object \(id) is not used: \(problem)")
        } else if family != UInt8(AF_INET) && family != UInt8(AF_INET6) {
            content = .unusable("nexthop object \(id) is not used: its family is \(family)")
        } else {
            let isDead = flags & UInt32(RTNH_F_DEAD) != 0
            content = .hop(RouteHop(link: link, gateway: gateway, weight: 1, isDead: isDead))
        }
    }

    private static func members(_ list: NetlinkView) -> [Member] {
        var members: [Member] = []
        var offset = 0
        while let id = list.uint32(at: offset), let low = list.uint8(at: offset + 4),
            let high = list.uint8(at: offset + 5)
        {
            members.append(Member(id: id, weight: Int(low) + Int(high) << 8 + 1))
            offset += memberSize
        }
        return members
    }
}

/// The nexthop objects of the namespace, by number.
struct NexthopTable: Equatable {
    var objects: [UInt32: Nexthop] = [:]

    /// What routes that name an object go by.
    struct Resolution: Equatable {
        var hops: [RouteHop] = []
        var isBlackhole = false
        var problem: String?
    }

    /// - Returns: nil if there is no such object. A group's members are no groups themselves (`nh_check_attr_group`),
    ///   and one that is gone is left out.
    func resolve(_ id: UInt32) -> Resolution? {
        guard let object = objects[id] else { return nil }
        guard case .group(let members) = object.content else { return Self.single(object, weight: 1) }
        var result = Resolution()
        for member in members {
            guard let memberObject = objects[member.id] else { continue }
            let one = Self.single(memberObject, weight: member.weight)
            result.hops += one.hops
            result.problem = one.problem ?? result.problem
            // The kernel allows a blackhole in a group only as its one member.
            result.isBlackhole = result.isBlackhole || one.isBlackhole
        }
        return result
    }

    private static func single(_ object: Nexthop, weight: Int) -> Resolution {
        switch object.content {
        case .hop(var hop):
            hop.weight = weight
            return Resolution(hops: [hop])
        case .blackhole: return Resolution(isBlackhole: true)
        case .unusable(let problem): return Resolution(problem: problem)
        case .group: return Resolution(problem: "nexthop object \(object.id) is a group within a group")
        }
    }
}
