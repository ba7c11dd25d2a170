import Net

/// Walks the `static` part of a configuration.
struct StaticNetworkParser {
    private(set) var network = StaticNetwork()

    /// - Parameter ports: names of the configuration's ports, each of which must be described.
    init(_ node: ConfigurationNode, ports: [String]) {
        let section = node.section(["ports", "routes", "policy", "neighbors"], required: ["ports"])
        for element in section["ports"]?.list() ?? [] { port(element) }
        for name in ports where !network.ports.contains(where: { $0.name == name }) {
            (section["ports"] ?? node).report("port \"\(name)\" is not described here")
        }
        for element in section["routes"]?.list() ?? [] { route(element) }
        for element in section["policy"]?.list() ?? [] { policy(element) }
        for element in section["neighbors"]?.list() ?? [] { neighbor(element) }
    }

    // MARK: Elements

    private mutating func port(_ node: ConfigurationNode) {
        let section = node.section(["name", "mac", "addresses", "mtu", "group"], required: ["name", "mac"])
        let mac = section["mac"].flatMap(mac)
        guard let nameNode = section["name"], let name = interfaceName(nameNode) else { return }
        if name == "lo" { nameNode.report("lo is always there") }
        if network.ports.contains(where: { $0.name == name }) {
            nameNode.report("port \"\(name)\" is in the list already")
        }
        var port = StaticNetwork.Port(name: name, mac: mac ?? .zero)
        for element in section["addresses"]?.list() ?? [] {
            guard let text = element.text("an address"), let prefix = IPv4Prefix(text) else {
                element.report("addresses must be like 192.0.2.1/24")
                continue
            }
            if !isHost(prefix.address) { element.report("\(prefix.address) cannot be the address of an interface") }
            if port.addresses.contains(prefix) { element.report("\(prefix) is in the list already") }
            port.addresses.append(prefix)
        }
        // RFC 791: every link carries 68 bytes.
        if let mtu = section["mtu"]?.integer(68...65535) { port.mtu = mtu }
        if let group = section["group"]?.integer(0...Int(UInt32.max)) { port.group = UInt32(group) }
        network.ports.append(port)
    }

    private mutating func route(_ node: ConfigurationNode) {
        let section = node.section(
            ["to", "via", "port", "hops", "type", "table", "metric", "source", "realm"], required: ["to"])
        guard let to = section["to"].flatMap(destination) else { return }
        var route = StaticNetwork.StaticRoute(to: to)
        if let kind = section["type"]?.choice(RouteType.self) { route.kind = kind.kind }
        if let table = section["table"].flatMap(table) { route.table = table }
        if let metric = section["metric"]?.integer(0...Int(UInt32.max)) { route.metric = UInt32(metric) }
        if let realm = section["realm"].flatMap(realm) { route.realm = realm }
        if let source = section["source"].flatMap(address) { route.preferredSource = source }
        if route.kind != .unicast {
            for key in ["via", "port", "hops"] { section[key]?.report("a route of this type leads nowhere") }
        } else if let hops = section["hops"] {
            for key in ["via", "port"] { section[key]?.report("\(key) belongs into hops") }
            for element in hops.list() {
                let part = element.section(["via", "port", "weight"])
                guard var hop = hop(element, part) else { continue }
                if let weight = part["weight"]?.integer(1...256) { hop.weight = weight }
                route.hops.append(hop)
            }
            if hops.list().isEmpty { hops.report("hops must name at least one") }
        } else if let hop = hop(node, section) {
            route.hops = [hop]
        }
        if network.routes.contains(where: { $0.to == to && $0.table == route.table && $0.metric == route.metric }) {
            node.report("a route to \(to) with this metric is in the table already")
        }
        network.routes.append(route)
    }

    private mutating func policy(_ node: ConfigurationNode) {
        let section = node.section(
            ["priority", "from", "to", "iif", "fwmark", "table", "type"], required: ["priority"])
        guard let priority = section["priority"]?.integer(0...Int(UInt32.max)) else { return }
        let type = section["type"]?.choice(PolicyType.self) ?? .lookup
        let table = section["table"].flatMap(table)
        let action: PolicyRule.Action
        switch type {
        case .lookup:
            if section["table"] == nil { node.report("\"table\" is missing") }
            action = .lookup(table: table ?? Route.mainTable)
        case .blackhole: action = .blackhole
        case .unreachable: action = .unreachable
        case .prohibit: action = .prohibit
        }
        if type != .lookup { section["table"]?.report("a rule of this type looks into no table") }
        var rule = PolicyRule(priority: UInt32(priority), action: action)
        if let source = section["from"].flatMap(destination) { rule.source = source }
        if let destination = section["to"].flatMap(destination) { rule.destination = destination }
        if let node = section["iif"], let name = interfaceName(node) {
            if name != "lo" { checkPort(name, node) }
            rule.ingress = name
        }
        if let (mark, mask) = section["fwmark"].flatMap(mark) {
            rule.mark = mark
            rule.markMask = mask
        }
        network.policy.append(rule)
    }

    private mutating func neighbor(_ node: ConfigurationNode) {
        let section = node.section(["address", "mac", "port"], required: ["address", "mac", "port"])
        let address = section["address"].flatMap(address)
        let mac = section["mac"].flatMap(mac)
        guard let nameNode = section["port"], let name = interfaceName(nameNode) else { return }
        checkPort(name, nameNode)
        guard let address, let mac else { return }
        if network.neighbors.contains(where: { $0.address == address && $0.port == name }) {
            section["address"]?.report("\(address) on \(name) is in the list already")
        }
        network.neighbors.append(StaticNetwork.StaticNeighbor(address: address, mac: mac, port: name))
    }

    // MARK: Parts

    private enum RouteType: String, CaseIterable {
        case unicast, blackhole, unreachable, prohibit, `throw`

        var kind: RouteKind {
            switch self {
            case .unicast: .unicast
            case .blackhole: .blackhole
            case .unreachable: .unreachable
            case .prohibit: .prohibit
            case .throw: .throw
            }
        }
    }

    private enum PolicyType: String, CaseIterable {
        case lookup, blackhole, unreachable, prohibit
    }

    /// `via` and `port` of a route or of one of its hops. A gateway alone tells its port, if one is on-link to it.
    private func hop(_ node: ConfigurationNode, _ section: ConfigurationSection) -> StaticNetwork.Hop? {
        var gateway: IPv4Address?
        if let via = section["via"] {
            gateway = address(via)
            guard gateway != nil else { return nil }
        }
        if let portNode = section["port"] {
            guard let name = interfaceName(portNode) else { return nil }
            checkPort(name, portNode)
            return StaticNetwork.Hop(gateway: gateway, port: name)
        }
        guard let gateway else {
            node.report("a route needs \"via\" or \"port\"")
            return nil
        }
        guard let port = network.ports.first(where: { $0.addresses.contains { $0.contains(gateway) } }) else {
            section["via"]?.report("no port has an address in the subnet of \(gateway); name its port")
            return nil
        }
        return StaticNetwork.Hop(gateway: gateway, port: port.name)
    }

    private func checkPort(_ name: String, _ node: ConfigurationNode) {
        let known = network.ports.map(\.name)
        guard !known.contains(name) else { return }
        let hint = suggestion(for: name, among: known).map { "; did you mean \($0)?" } ?? ""
        node.report("no port \"\(name)\" is described under static\(hint)")
    }

    private func isHost(_ address: IPv4Address) -> Bool {
        !address.isUnspecified && !address.isMulticast && !address.isLimitedBroadcast && !address.isLoopback
    }

    private func address(_ node: ConfigurationNode) -> IPv4Address? {
        guard let text = node.text("an address") else { return nil }
        guard let address = IPv4Address(text), isHost(address) else {
            node.report("\(node.name) must be the address of a host, like 192.0.2.1, not \"\(text)\"")
            return nil
        }
        return address
    }

    private func destination(_ node: ConfigurationNode) -> IPv4Prefix? {
        guard let text = node.text("a prefix") else { return nil }
        if text == "default" { return .all }
        guard let prefix = IPv4Prefix(text) else {
            node.report("\(node.name) must be a prefix like 192.0.2.0/24, not \"\(text)\"")
            return nil
        }
        guard prefix == prefix.network else {
            node.report("\(prefix) has bits beyond its length; did you mean \(prefix.network)?")
            return nil
        }
        return prefix
    }

    private func mac(_ node: ConfigurationNode) -> MACAddress? {
        guard let text = node.text("an Ethernet address") else { return nil }
        guard let mac = MACAddress(text) else {
            node.report("\(node.name) must be like \"02:00:00:00:00:01\", not \"\(text)\"")
            return nil
        }
        guard mac != .zero, !mac.isGroup else {
            node.report("\(mac) cannot be the address of an interface")
            return nil
        }
        return mac
    }

    private func table(_ node: ConfigurationNode) -> UInt32? {
        if node.isWord("main") { return Route.mainTable }
        if node.isWord("local") { return Route.localTable }
        if node.isWord("default") { return Route.defaultTable }
        return node.integer(1...Int(UInt32.max), orWord: "main, local or default").map { UInt32($0) }
    }

    /// TO or FROM/TO in numbers, as `ip route` takes realms.
    private func realm(_ node: ConfigurationNode) -> UInt32? {
        guard let text = node.text("a realm") else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { ConfigurationNode.number($0).flatMap { UInt16(exactly: $0) } }
        guard (1...2).contains(parts.count), numbers.count == parts.count else {
            node.report("\(node.name) must be a realm like 5 or 3/5, not \"\(text)\"")
            return nil
        }
        return UInt32(numbers[numbers.count - 1]) | (numbers.count == 2 ? UInt32(numbers[0]) << 16 : 0)
    }

    /// MARK or MARK/MASK, as `ip rule` takes them.
    private func mark(_ node: ConfigurationNode) -> (UInt32, UInt32)? {
        guard let text = node.text("a mark") else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { ConfigurationNode.number($0).flatMap { UInt32(exactly: $0) } }
        guard (1...2).contains(parts.count), numbers.count == parts.count else {
            node.report("\(node.name) must be a mark like 1 or 0x10/0xff, not \"\(text)\"")
            return nil
        }
        return (numbers[0], numbers.count == 2 ? numbers[1] : .max)
    }
}
