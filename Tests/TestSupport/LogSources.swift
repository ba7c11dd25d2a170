/// What the kernel's LOG writes: the lines of the kernel's log from the value's beginning on. LOG in namespaces other than the
/// first is switched on while the value lives.
///
/// The log is the whole machine's: lines are told apart by the prefixes of the rules under test.
final class KernelLog {
    private let messages: KernelMessages
    private let prefixes: [String]
    private let formerSetting: String

    private static let setting = "/proc/sys/net/netfilter/nf_log_all_netns"

    /// - Parameter rules: iptables-save text; lines of rules without a prefix begin with `IN=`.
    init(rules: String) throws {
        prefixes = rules.split(separator: "\n").filter { $0.contains("-j LOG") }.map { rule in
            guard let option = rule.range(of: "--log-prefix ") else { return "IN=" }
            let rest = rule[option.upperBound...]
            return String(rest.first == "\"" ? rest.dropFirst().prefix { $0 != "\"" } : rest.prefix { $0 != " " })
        }
        formerSetting = String(decoding: try readFile(Self.setting), as: UTF8.self)
        try writeFile(Self.setting, "1\n")
        messages = try KernelMessages()
    }

    deinit { try? writeFile(Self.setting, formerSetting) }

    /// The lines since the last call.
    func take() -> [LogText] {
        messages.take().filter { line in
            prefixes.contains { line.text.hasPrefix($0) } && line.text.contains("IN=") && line.text.contains(" OUT=")
        }.map { LogText(level: $0.level, text: String($0.text)) }
    }
}

/// What Martlet's LOG writes into a file.
final class LogFile {
    private let path: String
    private var seen = 0

    init(path: String) { self.path = path }

    /// The lines since the last call; the file does not tell their severities.
    func take() -> [LogText] {
        guard let bytes = try? readFile(path) else { return [] }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst(seen)
        seen += lines.count
        // Records of AUDIT stand between them, which the kernel's log has not.
        return lines.filter { $0.contains(" OUT=") }.compactMap { line in
            line.range(of: " kernel: ").map { LogText(level: nil, text: String(line[$0.upperBound...])) }
        }
    }
}
