import FoundationEssentials
import Net
import Testing

@testable import Kernel

/// What `ip` prints of the same namespace, in lines that the mirror's state can be compared with. It reads the kernel
/// by its own code, and so is the judge of ours.
enum Oracle {
    static func lines(_ part: String) throws -> [String] {
        switch part {
        case "link": try links()
        case "address": try addresses()
        case "route": try routes()
        case "rule": try rules()
        default: try neighbors()
        }
    }

    private static func decode<Value: Decodable>(_ command: String) throws -> [Value] {
        let text = run(command)
        return text.isEmpty ? [] : try JSONDecoder().decode([Value].self, from: Data(text.utf8))
    }

    private struct IPLink: Decodable {
        var ifindex: Int32
        var ifname: String
        var flags: [String]
        var mtu: Int
        var address: String?
        var group: String?
    }

    private static func links() throws -> [String] {
        let links: [IPLink] = try decode("ip -j -N link")
        return links.map { link in
            "\(link.ifindex) \(link.ifname) \(link.mtu) \(link.address ?? "") \(link.flags.contains("UP")) "
                + "\(!link.flags.contains("NO-CARRIER") && link.flags.contains("UP")) group \(link.group ?? "0")"
        }.sorted()
    }

    private struct IPAddress: Decodable {
        struct Info: Decodable {
            var local: String
            var prefixlen: Int
            var broadcast: String?
            var secondary: Bool?
        }
        var ifindex: Int32
        var addr_info: [Info]
    }

    private static func addresses() throws -> [String] {
        let links: [IPAddress] = try decode("ip -j -4 addr")
        return links.flatMap { link in
            link.addr_info.enumerated().map { place, info in
                "\(link.ifindex) \(place) \(info.local)/\(info.prefixlen) \(info.broadcast ?? "") \(info.secondary ?? false)"
            }
        }.sorted()
    }

    private struct IPRoute: Decodable {
        /// Realms, as words in numbers.
        struct Flow: Decodable {
            var from: String?
            var to: String?
            var realm: UInt32 { (from.flatMap { UInt32($0) } ?? 0) << 16 | (to.flatMap { UInt32($0) } ?? 0) }
        }
        struct Hop: Decodable {
            var flow: Flow?
            var dev: String?
            var gateway: String?
            var weight: Int?
            var flags: [String]
        }
        struct Metric: Decodable { var mtu: Int? }
        var type: String?
        var dst: String
        var table: String?
        var `protocol`: String
        var metric: UInt32?
        var tos: String?
        var prefsrc: String?
        var dev: String?
        var gateway: String?
        var flags: [String]
        var nexthops: [Hop]?
        var metrics: [Metric]?
        var flow: Flow?
    }

    static func hop(_ link: String, _ gateway: String?, _ weight: Int, dead: Bool, realm: UInt32) -> String {
        " [\(link) \(gateway ?? "") \(weight)\(dead ? " dead" : "")\(realm == 0 ? "" : " realm \(realm)")]"
    }

    private static func routes() throws -> [String] {
        let routes: [IPRoute] = try decode("ip -j -N -d -4 route show table all")
        return routes.map { route in
            let destination =
                route.dst == "default" ? "0.0.0.0/0" : route.dst.contains("/") ? route.dst : route.dst + "/32"
            var line = "\(route.table ?? "254") \(destination) tos \(route.tos ?? "0x00") metric \(route.metric ?? 0)"
            line += " \(route.type ?? "1") proto \(route.protocol) src \(route.prefsrc ?? "")"
            line += " mtu \(route.metrics?.compactMap(\.mtu).first ?? 0)"
            for one in route.nexthops ?? [] {
                line += hop(one.dev ?? "", one.gateway, one.weight ?? 1, dead: one.flags.contains("dead"), realm: one.flow?.realm ?? 0)
            }
            // A blackhole nexthop object shows loopback as its link.
            if let dev = route.dev, !["6", "7", "8", "9"].contains(route.type) {
                line += hop(dev, route.gateway, 1, dead: route.flags.contains("dead"), realm: route.flow?.realm ?? 0)
            }
            return line
        }
    }

    private struct IPRule: Decodable {
        var priority: UInt32
        var not: String?
        var src: String
        var srclen: Int?
        var dst: String?
        var dstlen: Int?
        var fwmark: String?
        var fwmask: String?
        var iif: String?
        var oif: String?
        var tos: String?
        var table: String?
        var action: String?
        var goto: UInt32?
        var suppress_prefixlen: Int?
        var ipproto: String?
        var sport: Int?
        var sport_start: Int?
        var sport_end: Int?
        var dport: Int?
        var dport_start: Int?
        var dport_end: Int?
        var flow_from: String?
        var flow_to: String?
    }

    private static func rules() throws -> [String] {
        let text = run("ip -j -N rule").replacing("\"not\":null", with: "\"not\":\"yes\"")
        return try JSONDecoder().decode([IPRule].self, from: Data(text.utf8)).map { rule in
            func prefix(_ address: String?, _ length: Int?) -> String {
                address == nil || address == "all" ? "0.0.0.0/0" : "\(address!)/\(length ?? 32)"
            }
            func ports(_ one: Int?, _ first: Int?, _ last: Int?) -> String {
                one.map { "\($0)-\($0)" } ?? first.map { "\($0)-\(last ?? 0)" } ?? "any"
            }
            func hex(_ text: String?) -> UInt32 { text.flatMap { UInt32($0.dropFirst(2), radix: 16) } ?? 0 }
            let mask = rule.fwmask.map { hex($0) } ?? (rule.fwmark == nil ? 0 : UInt32.max)
            let action =
                rule.goto.map { "goto \($0)" } ?? rule.table.map { "lookup \($0)" }
                ?? ["6": "blackhole", "7": "unreachable", "8": "prohibit"][rule.action ?? ""] ?? "nop"
            return
                "\(rule.priority) \(rule.not != nil) \(prefix(rule.src, rule.srclen)) \(prefix(rule.dst, rule.dstlen))"
                + " mark \(hex(rule.fwmark))/\(mask) \(rule.iif ?? "") \(rule.oif ?? "") tos \(rule.tos ?? "0x00")"
                + " \((rule.ipproto ?? "0").replacing("ipproto-", with: "")) \(ports(rule.sport, rule.sport_start, rule.sport_end))"
                + " \(ports(rule.dport, rule.dport_start, rule.dport_end)) \(rule.suppress_prefixlen ?? -1) \(action)"
                + " realm \((rule.flow_from.flatMap { UInt32($0) } ?? 0) << 16 | (rule.flow_to.flatMap { UInt32($0) } ?? 0))"
        }
    }

    private struct IPNeighbor: Decodable {
        var dst: String
        var dev: String
        var lladdr: String?
        var state: [String]
    }

    private static func neighbors() throws -> [String] {
        let neighbors: [IPNeighbor] = try decode("ip -j -4 neigh")
        return neighbors.map { "\($0.dev) \($0.dst) \($0.lladdr ?? "") \($0.state.joined().lowercased())" }.sorted()
    }
}

extension KernelState {
    /// The same lines, of this state.
    func lines(_ part: String) -> [String] {
        func name(_ link: LinkIndex) -> String { links[link]?.name ?? "#\(link.rawValue)" }
        switch part {
        case "link":
            return links.values.map { "\($0.index.rawValue) \($0.name) \($0.mtu) \($0.mac) \($0.isUp) \($0.isRunning) group \($0.group)" }
                .sorted()
        case "address":
            return Dictionary(grouping: addresses, by: \.link).values.flatMap { list in
                list.enumerated().map { place, address in
                    "\(address.link.rawValue) \(place) \(address.prefix.address)/\(address.prefix.length) "
                        + "\(address.broadcast?.description ?? "") \(address.isSecondary)"
                }
            }.sorted()
        case "route":
            return routes.values.joined().map { route in
                var line = "\(route.table) \(route.prefix.address)/\(route.prefix.length) tos \(Self.hex(route.tos))"
                line += " metric \(route.metric) \(route.kind.rawValue) proto \(route.origin)"
                line += " src \(route.preferredSource?.description ?? "") mtu \(route.mtu)"
                return route.hops.reduce(line) {
                    $0 + Oracle.hop(name($1.link), $1.gateway?.description, $1.weight, dead: $1.isDead, realm: $1.realm)
                }
            }
        case "rule":
            return policy.map(Self.line)
        default:
            return neighbors.values.map { "\(name($0.link)) \($0.address) \($0.mac?.description ?? "") \($0.state)" }
                .sorted()
        }
    }

    private static func hex(_ number: UInt8) -> String { (number < 16 ? "0x0" : "0x") + String(number, radix: 16) }

    private static func line(_ rule: PolicyRule) -> String {
        func ports(_ range: ClosedRange<UInt16>?) -> String {
            range.map { "\($0.lowerBound)-\($0.upperBound)" } ?? "any"
        }
        let action =
            switch rule.action {
            case .lookup(let table): "lookup \(table)"
            case .goto(let priority): "goto \(priority)"
            case .nop: "nop"
            case .blackhole: "blackhole"
            case .unreachable: "unreachable"
            case .prohibit: "prohibit"
            }
        return
            "\(rule.priority) \(rule.isInverted) \(rule.source) \(rule.destination) mark \(rule.mark)/\(rule.markMask)"
            + " \(rule.ingress ?? "") \(rule.egress ?? "") tos \(hex(rule.tos)) \(rule.ipProtocol)"
            + " \(ports(rule.sourcePorts)) \(ports(rule.destinationPorts)) \(rule.suppressPrefixLength ?? -1) \(action)"
            + " realm \(rule.realm)"
    }
}
