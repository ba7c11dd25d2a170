import Control
import Net
import Yams

extension Configuration {
    /// Reads a configuration file.
    ///
    /// - Throws: everything that is wrong with it.
    public static func load(_ path: String) throws(ConfigurationError) -> Configuration {
        let text: String
        do throws(Diagnostic) {
            text = try TextFile.read(path)
        } catch {
            throw ConfigurationError(diagnostics: [error])
        }
        return try parse(text, file: path)
    }

    /// Reads the text of a configuration.
    ///
    /// - Parameter file: its name, for messages and as what relative paths are relative to.
    /// - Throws: everything that is wrong with it.
    public static func parse(_ text: String, file: String) throws(ConfigurationError) -> Configuration {
        let yaml = YAMLText(text, file: file)
        let collector = DiagnosticCollector(file: file, diagnostics: yaml.diagnostics)
        var configuration: Configuration?
        if let root = yaml.root {
            let node = ConfigurationNode(node: root, name: "a configuration", collector: collector)
            configuration = ConfigurationParser(file: file).configuration(node)
        } else if collector.diagnostics.isEmpty {
            collector.report("the configuration is empty; \"ports\" is missing", at: nil)
        }
        guard let configuration, collector.diagnostics.isEmpty else {
            throw ConfigurationError(diagnostics: collector.diagnostics.sorted())
        }
        return configuration
    }
}

/// Walks the tree of a configuration, section by section. It goes on after mistakes, so that one run finds them all.
struct ConfigurationParser {
    let file: String

    func configuration(_ node: ConfigurationNode) -> Configuration {
        let section = node.section(
            ["ports", "workers", "rules", "conntrack", "recent", "offload", "control", "log", "effects", "static"], required: ["ports"])
        var configuration = Configuration(ports: section["ports"].map(ports) ?? [])
        if let node = section["workers"] { configuration.workers = workers(node) }
        if let node = section["rules"] { configuration.rules = rules(node) }
        if let node = section["conntrack"] { configuration.conntrack = conntrack(node) }
        if let node = section["recent"] { configuration.recent = recent(node) }
        if let mode = section["offload"]?.choice(OffloadMode.self) { configuration.offload = mode }
        if let node = section["control"] { configuration.control = control(node) }
        if let node = section["log"] { configuration.log = log(node) }
        if let node = section["effects"] { configuration.effects = effects(node) }
        if let node = section["static"] {
            configuration.staticNetwork = StaticNetworkParser(node, ports: configuration.ports.map(\.name)).network
        }
        return configuration
    }

    // MARK: Sections

    private func ports(_ node: ConfigurationNode) -> [PortConfiguration] {
        var ports: [PortConfiguration] = []
        let list = node.list()
        if list.isEmpty, node.isEmpty || node.node.sequence != nil { node.report("ports must name at least one interface") }
        if list.count > PortIndex.limit {
            list[PortIndex.limit].report("a router has at most \(PortIndex.limit) ports, not \(list.count)")
        }
        for element in list {
            let section = element.section(["name", "io", "rp-filter"], required: ["name"])
            guard let nameNode = section["name"], let name = interfaceName(nameNode) else { continue }
            if ports.contains(where: { $0.name == name }) {
                nameNode.report("port \"\(name)\" is in the list already")
            }
            if name == "lo" { nameNode.report("lo cannot be a port: the loopback stays the kernel's") }
            var port = PortConfiguration(name: name)
            if let io = section["io"]?.choice(PortConfiguration.IO.self) { port.io = io }
            if let filter = section["rp-filter"]?.choice(PortConfiguration.ReversePathFilter.self) {
                port.reversePathFilter = filter
            }
            ports.append(port)
        }
        return ports
    }

    private func workers(_ node: ConfigurationNode) -> WorkersConfiguration {
        var workers = WorkersConfiguration()
        let section = node.section(["count", "cpus", "poll"])
        if let node = section["count"], !node.isWord("auto") {
            workers.count = node.integer(1...WorkersConfiguration.limit, orWord: "auto")
        }
        for cpu in section["cpus"]?.list() ?? [] {
            // CPU_SETSIZE of glibc.
            guard let number = cpu.integer(0...1023) else { continue }
            if workers.cpus.contains(number) { cpu.report("cpu \(number) is in the list already") }
            workers.cpus.append(number)
        }
        if let count = workers.count, !workers.cpus.isEmpty, count > workers.cpus.count {
            section["count"]?.report("\(count) workers need as many cpus, but cpus names \(workers.cpus.count)")
        }
        if let poll = section["poll"]?.choice(WorkersConfiguration.Poll.self) { workers.poll = poll }
        return workers
    }

    private func rules(_ node: ConfigurationNode) -> RulesConfiguration {
        var rules = RulesConfiguration()
        let section = node.section(["ipv4", "sets", "allow-inactive"])
        rules.ipv4 = section["ipv4"]?.text("the path of a file").map(resolved)
        rules.sets = section["sets"]?.text("the path of a file").map(resolved)
        if let allow = section["allow-inactive"]?.boolean() { rules.allowInactive = allow }
        return rules
    }

    private func recent(_ node: ConfigurationNode) -> RecentConfiguration {
        var recent = RecentConfiguration()
        let section = node.section(["ip-list-tot", "ip-pkt-list-tot"])
        if let number = section["ip-list-tot"]?.integer(1...RecentConfiguration.mostEntries) { recent.entries = number }
        if let number = section["ip-pkt-list-tot"]?.integer(0...RecentConfiguration.mostStamps) { recent.stamps = number }
        // Eight bytes a time, all of which may come into use.
        if recent.entries * recent.stamps > 1 << 28 {
            node.report("recent: ip-list-tot times ip-pkt-list-tot is \(recent.entries * recent.stamps); a list has room for \(1 << 28) times")
        }
        return recent
    }

    private func conntrack(_ node: ConfigurationNode) -> ConntrackConfiguration {
        var conntrack = ConntrackConfiguration()
        let section = node.section([
            "max", "expect-max", "tcp-loose", "tcp-be-liberal", "tcp-ignore-invalid-rst", "tcp-max-retrans", "checksum", "accounting", "timestamps",
            "always", "timeouts", "policies", "helpers",
        ])
        if let node = section["max"], !node.isWord("auto") {
            conntrack.max = node.integer(1...Int(Int32.max), orWord: "auto")
        }
        if let node = section["expect-max"] { conntrack.expectMax = node.integer(1...ConntrackSetting.mostExpectations) }
        if let loose = section["tcp-loose"]?.boolean() { conntrack.tcpLoose = loose }
        if let liberal = section["tcp-be-liberal"]?.boolean() { conntrack.tcpBeLiberal = liberal }
        if let ignore = section["tcp-ignore-invalid-rst"]?.boolean() { conntrack.tcpIgnoreInvalidRst = ignore }
        if let count = section["tcp-max-retrans"]?.integer(0...255) { conntrack.tcpMaxRetrans = UInt8(count) }
        if let always = section["always"]?.boolean() { conntrack.always = always }
        if let checksum = section["checksum"]?.boolean() { conntrack.checksum = checksum }
        if let accounting = section["accounting"]?.boolean() { conntrack.accounting = accounting }
        if let timestamps = section["timestamps"]?.boolean() { conntrack.timestamps = timestamps }
        if let node = section["policies"] { conntrack.policies = policies(node) }
        if let node = section["timeouts"] { conntrack.timeouts = timeouts(node) }
        if let node = section["helpers"] { conntrack.helpers = helpers(node) }
        return conntrack
    }

    private func helpers(_ node: ConfigurationNode) -> [ConntrackHelper: [UInt16]] {
        var helpers: [ConntrackHelper: [UInt16]] = [:]
        let section = node.section(ConntrackHelper.allCases.map(\.rawValue))
        for helper in ConntrackHelper.allCases {
            guard let node = section[helper.rawValue] else { continue }
            if let reason = helper.refusal {
                node.report("there is no helper \"\(helper.rawValue)\": \(reason)")
                continue
            }
            var ports: [UInt16] = []
            for element in node.list() {
                guard let port = element.integer(1...65535) else { continue }
                if ports.contains(UInt16(port)) { element.report("port \(port) is in the list already") }
                ports.append(UInt16(port))
            }
            // MAX_PORTS of the kernel's modules.
            if ports.count > 8 { node.report("a helper has at most 8 ports, not \(ports.count)") }
            helpers[helper] = ports
        }
        return helpers
    }

    private func control(_ node: ConfigurationNode) -> ControlConfiguration {
        var control = ControlConfiguration()
        let section = node.section(["socket", "group"])
        if let node = section["socket"], let text = node.text("the path of a socket") {
            let path = resolved(text)
            // sun_path of unix(7) with its final zero.
            if path.utf8.count > 107 { node.report("the path of a socket has at most 107 bytes") }
            control.socket = path
        }
        if let group = section["group"]?.text("the name of a group") { control.group = group }
        return control
    }

    private func log(_ node: ConfigurationNode) -> LogConfiguration {
        var log = LogConfiguration()
        let section = node.section(["to"])
        if let text = section["to"]?.text("auto, syslog, journal, stderr or the path of a file") {
            log.to =
                switch text {
                case "auto": .auto
                case "syslog": .syslog
                case "journal": .journal
                case "stderr": .standardError
                default: .file(resolved(text))
                }
        }
        return log
    }

    private func effects(_ node: ConfigurationNode) -> EffectsConfiguration {
        var effects = EffectsConfiguration()
        let section = node.section(["nflog"])
        effects.nflog = section["nflog"]?.text("the path of a file or of a folder").map(resolved)
        return effects
    }

    /// A path relative to the folder of the configuration.
    private func resolved(_ path: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }
}

/// The name of an interface, as dev_valid_name (net/core/dev.c) takes it.
func interfaceName(_ node: ConfigurationNode) -> String? {
    guard let name = node.text("the name of an interface") else { return nil }
    guard name.utf8.count <= 15, name != ".", name != "..",
        !name.utf8.contains(where: { $0 <= 32 || $0 == 127 || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") })
    else {
        node.report("\"\(name)\" cannot be an interface: a name has 1 to 15 bytes, without spaces, / and :")
        return nil
    }
    return name
}
