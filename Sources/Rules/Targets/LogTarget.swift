/// `-j LOG`: a line in the log, and on to the next rule (kernel: xt_LOG.c).
public struct LogTarget: TargetExtension {
    /// syslog's severities.
    public enum Level: UInt8, Hashable, Sendable, CaseIterable {
        case emergency, alert, critical, error, warning, notice, info, debug

        static let names: KeyValuePairs<String, Level> = [
            "alert": .alert, "crit": .critical, "debug": .debug, "emerg": .emergency, "error": .error, "info": .info,
            "notice": .notice, "panic": .emergency, "warning": .warning,
        ]
    }

    public var level: Level
    /// At most 29 bytes.
    public var prefix: String
    public var logsTCPSequence: Bool
    public var logsTCPOptions: Bool
    public var logsIPOptions: Bool
    public var logsUID: Bool
    public var decodesMAC: Bool

    public init(
        level: Level = .warning, prefix: String = "", logsTCPSequence: Bool = false, logsTCPOptions: Bool = false,
        logsIPOptions: Bool = false, logsUID: Bool = false, decodesMAC: Bool = false
    ) {
        self.level = level
        self.prefix = prefix
        self.logsTCPSequence = logsTCPSequence
        self.logsTCPOptions = logsTCPOptions
        self.logsIPOptions = logsIPOptions
        self.logsUID = logsUID
        self.decodesMAC = decodesMAC
    }

    public static let description = ExtensionDescription(
        .target, "LOG", summary: "a line in the log",
        options: [
            OptionDescription("log-level"), OptionDescription("log-prefix"),
            OptionDescription("log-tcp-sequence", arguments: 0), OptionDescription("log-tcp-options", arguments: 0),
            OptionDescription("log-ip-options", arguments: 0), OptionDescription("log-uid", arguments: 0),
            OptionDescription("log-macdecode", arguments: 0),
        ], scope: .packet, status: .acts)

    public var target: Target { .log(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        self.init()
        if let given = options["log-level"] {
            let text = given.argument.text
            if let number = Number.parse(text, in: 0...7), let known = Level(rawValue: UInt8(number)) {
                level = known
            } else if let known = Level.names.first(where: { $0.key == text }) {
                level = known.value
            } else {
                throw RuleError(
                    "log level \"\(text)\" unknown", hint: Suggestion.hint(for: text, among: Level.names.map(\.key)),
                    at: given.argument)
            }
        }
        if let given = options["log-prefix"] {
            prefix = try options.truncatedString(given, to: 29)
            if prefix.contains("\n") { throw options.invalid(given, nil, "no line feed may be in it") }
        }
        logsTCPSequence = options.contains("log-tcp-sequence")
        logsTCPOptions = options.contains("log-tcp-options")
        logsIPOptions = options.contains("log-ip-options")
        logsUID = options.contains("log-uid")
        decodesMAC = options.contains("log-macdecode")
    }

    public func print(to printer: inout RulePrinter) {
        if !prefix.isEmpty { printer.quotedOption("log-prefix", prefix) }
        if level != .warning { printer.option("log-level", String(level.rawValue)) }
        if logsTCPSequence { printer.option("log-tcp-sequence") }
        if logsTCPOptions { printer.option("log-tcp-options") }
        if logsIPOptions { printer.option("log-ip-options") }
        if logsUID { printer.option("log-uid") }
        if decodesMAC { printer.option("log-macdecode") }
    }
}
