import Dataplane
import FoundationEssentials
import Glibc
import Net

/// A network namespace with four ports and one link that is none, spoken to by `ip`.
final class TwinNamespace {
    struct Failure: Error, CustomStringConvertible { var description: String }

    private let name: String
    private let folder: String
    private let links: [String: LinkIndex]

    init(sourceCheck: SourceCheck) throws {
        name = "mart-fib-\(getpid())"
        folder = "/tmp/\(name)"
        let devices = (0..<4).map { ("p\($0)", "q\($0)") } + [("x0", "y0")]
        var script = "set -e; mkdir -p \(folder); ip netns add \(name); ip -n \(name) link set lo up;"
        let set = "ip netns exec \(name) sysctl -qw"
        script += "\(set) net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0;"
        for (device, peer) in devices {
            script += "ip -n \(name) link add \(device) type veth peer name \(peer);"
            script += "ip -n \(name) link set \(peer) up; ip -n \(name) link set \(device) up;"
            script += "\(set) net.ipv4.conf.\(device).rp_filter=\(sourceCheck.rawValue);"
        }
        for n in 0..<4 {
            script += "ip -n \(name) addr add 10.\(n).0.1/24 dev p\(n);"
            script += "ip -n \(name) addr add 10.\(n).0.2/24 dev p\(n);"
            script += "ip -n \(name) addr add 172.20.\(n).1/26 brd + dev p\(n);"
        }
        script += "ip -n \(name) addr add 10.99.0.1/24 dev x0;"
        guard Self.shell(script) == 0 else {
            _ = Self.shell("ip netns del \(name)")
            throw Failure(description: "no namespace \(name)")
        }
        let listed = Self.output("ip -n \(name) -json link show", folder: folder)
        let found = try JSONDecoder().decode([JSONLink].self, from: Data(listed.utf8))
        links = Dictionary(uniqueKeysWithValues: found.map { ($0.ifname, LinkIndex(rawValue: $0.ifindex)) })
    }

    func remove() { _ = Self.shell("ip netns del \(name); rm -rf \(folder)") }

    func link(_ device: String) throws -> LinkIndex {
        guard let link = links[device] else { throw Failure(description: "no link \(device)") }
        return link
    }

    /// Runs lines of `ip`.
    /// - Returns: what it said of those the kernel refused.
    @discardableResult
    func batch(_ lines: [String]) -> String {
        write(lines, to: "batch")
        _ = Self.shell("ip -n \(name) -force -batch \(folder)/batch >\(folder)/out 2>\(folder)/err")
        return read("err")
    }

    /// An answer a line: what `ip` printed, or the error it met.
    func ask(_ lines: [String]) -> [String] {
        write(lines, to: "questions")
        _ = Self.shell("ip -n \(name) -oneline -force -batch \(folder)/questions >\(folder)/out 2>\(folder)/err")
        var errors: [Int: String] = [:]
        var last = ""
        for line in read("err").split(separator: "\n").map(String.init) {
            if line.hasPrefix("Command failed"), let number = line.split(separator: ":").last.flatMap({ Int($0) }) {
                errors[number] = last
            } else {
                last = line
            }
        }
        var good = read("out").split(separator: "\n").map(String.init).makeIterator()
        return lines.indices.compactMap { errors[$0 + 1] ?? good.next() }
    }

    /// What the kernel holds: links, addresses and routes, as a mirror would tell it.
    func changes() throws -> [KernelChange] {
        let decoder = JSONDecoder()
        let shownLinks = Self.output("ip -n \(name) -json -N addr show", folder: folder)
        let shownRoutes = Self.output("ip -n \(name) -4 -json -N -d route show table all", folder: folder)
        var changes: [KernelChange] = []
        for link in try decoder.decode([JSONLink].self, from: Data(shownLinks.utf8)) {
            let index = LinkIndex(rawValue: link.ifindex)
            changes.append(
                .link(
                    Link(
                        index: index, name: link.ifname, mac: .zero, mtu: link.mtu, isUp: link.flags.contains("UP"),
                        isRunning: link.flags.contains("LOWER_UP"))))
            for address in link.addr_info ?? [] where address.family == "inet" {
                guard let own = IPv4Address(address.local) else { continue }
                changes.append(
                    .address(
                        LinkAddress(
                            link: index, prefix: IPv4Prefix(own, address.prefixlen), scope: UInt8(address.scope) ?? 0,
                            isSecondary: address.secondary ?? false)))
            }
        }
        for route in try decoder.decode([JSONRoute].self, from: Data(shownRoutes.utf8)) {
            changes.append(.route(try self.route(route)))
        }
        return changes
    }

    private func route(_ shown: JSONRoute) throws -> Route {
        guard let prefix = shown.dst == "default" ? .all : IPv4Prefix(shown.dst),
            let kind = RouteKind(rawValue: UInt8(shown.type ?? "1") ?? 1), let table = UInt32(shown.table ?? "254")
        else { throw Failure(description: "route not understood: \(shown)") }
        func hop(_ hop: JSONHop) throws -> RouteHop {
            RouteHop(
                link: try link(hop.dev ?? ""), gateway: hop.gateway.flatMap { IPv4Address($0) },
                weight: hop.weight ?? 1,
                isDead: hop.flags?.contains("dead") ?? false)
        }
        var hops = try (shown.nexthops ?? []).map(hop)
        if let device = shown.dev {
            hops = [try hop(JSONHop(dev: device, gateway: shown.gateway, weight: 1, flags: shown.flags))]
        }
        return Route(
            table: table, prefix: prefix, tos: shown.tos.flatMap { UInt8($0.dropFirst(2), radix: 16) } ?? 0,
            metric: shown.metric ?? 0, kind: kind, scope: UInt8(shown.scope ?? "0") ?? 0,
            origin: UInt8(shown.protocol ?? "3") ?? 3, preferredSource: shown.prefsrc.flatMap { IPv4Address($0) },
            hops: hops)
    }

    private struct JSONAddress: Decodable {
        var family: String
        var local: String
        var prefixlen: UInt8
        var scope: String
        var secondary: Bool?
    }
    private struct JSONLink: Decodable {
        var ifindex: Int32
        var ifname: String
        var mtu: Int
        var flags: [String]
        var addr_info: [JSONAddress]?
    }
    private struct JSONHop: Decodable {
        var dev: String?
        var gateway: String?
        var weight: Int?
        var flags: [String]?
    }
    private struct JSONRoute: Decodable {
        var type: String?
        var dst: String
        var dev: String?
        var gateway: String?
        var table: String?
        var `protocol`: String?
        var scope: String?
        var prefsrc: String?
        var tos: String?
        var metric: UInt32?
        var flags: [String]?
        var nexthops: [JSONHop]?
    }

    private func write(_ lines: [String], to file: String) {
        guard let stream = unsafe fopen("\(folder)/\(file)", "w") else { return }
        for line in lines { _ = unsafe fputs(line + "\n", stream) }
        unsafe fclose(stream)
    }

    private func read(_ file: String) -> String { Self.contents("\(folder)/\(file)") }

    private static func contents(_ path: String) -> String {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else { return "" }
        return String(decoding: data, as: UTF8.self)
    }

    private static func output(_ command: String, folder: String) -> String {
        _ = shell("\(command) > \(folder)/output")
        return contents("\(folder)/output")
    }

    private static func shell(_ script: String) -> Int32 { unsafe system(script) }
}
