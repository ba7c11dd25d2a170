import Control
import Glibc
import Net

/// Called by another name, or with it as the first word, the program is another: iptables and its companions, as the links of
/// Debian's iptables package are named, or ipset. Their words are theirs alone, so this is settled before anything else reads them.
enum ProgramName {
    case iptables(IPTablesRequest.Program)
    /// One of the ip6tables family, by the name its messages begin with.
    case ip6tables(String)
    case ipset

    private static let names: [String: ProgramName] = [
        "iptables": .iptables(.iptables), "iptables-legacy": .iptables(.iptables), "main4": .iptables(.iptables),
        "iptables-save": .iptables(.save), "iptables-legacy-save": .iptables(.save), "save4": .iptables(.save),
        "iptables-restore": .iptables(.restore), "iptables-legacy-restore": .iptables(.restore),
        "restore4": .iptables(.restore),
        "ipset": .ipset,
        "ip6tables": .ip6tables("ip6tables"), "ip6tables-legacy": .ip6tables("ip6tables"), "main6": .ip6tables("ip6tables"),
        "ip6tables-save": .ip6tables("ip6tables-save"), "ip6tables-legacy-save": .ip6tables("ip6tables-save"),
        "save6": .ip6tables("ip6tables-save"),
        "ip6tables-restore": .ip6tables("ip6tables-restore"),
        "ip6tables-legacy-restore": .ip6tables("ip6tables-restore"), "restore6": .ip6tables("ip6tables-restore"),
    ]

    /// - Parameter name: with or without folders.
    init?(_ name: String) {
        let last = name.split(separator: "/").last.map(String.init) ?? name
        guard let found = Self.names[last] else { return nil }
        self = found
    }

    /// The words of the command line with all their bytes: iptables' comments need not be UTF-8.
    static var commandLine: [String] {
        (0..<Int(CommandLine.argc)).compactMap { index in
            guard let word = unsafe CommandLine.unsafeArgv[index] else { return nil }
            let bytes = unsafe UnsafeRawBufferPointer(start: word, count: strlen(word))
            return unsafe String(keeping: Array(bytes))
        }
    }

    /// Runs the program that is meant, if it is not martlet itself.
    ///
    /// - Parameter words: all words of the command line.
    /// - Returns: the exit code; nil if it is martlet.
    static func run(_ words: [String]) -> Int32? {
        guard let first = words.first else { return nil }
        if let program = ProgramName(first) { return program.run(Array(words.dropFirst())) }
        // As xtables-legacy-multi takes it. A folder in front would be a file's name.
        guard words.count > 1, !words[1].contains("/"), let program = ProgramName(words[1]) else { return nil }
        return program.run(Array(words.dropFirst(2)))
    }

    private func run(_ arguments: [String]) -> Int32 {
        switch self {
        case .iptables(let program): IPTablesClient(program).run(arguments)
        case .ip6tables(let name): IP6Tables.run(name, arguments)
        case .ipset: IPSetClient().run(arguments)
        }
    }
}

/// What is called ip6tables only says that there is none: IPv6 is the kernel's, and rules for it would not be in force.
///
/// ufw with IPV6=no, fail2ban with allipv6 off, ferm and shorewall for `ip` alone do without it, and go by the exit code.
enum IP6Tables {
    /// iptables' code for a kernel without the tables.
    static let exitCode: Int32 = 3

    static func run(_ name: String, _ arguments: [String]) -> Int32 {
        if arguments == ["-V"] || arguments == ["--version"] {
            Output.standard.line("\(name) v1.8.9 (legacy)")
            return (try? Output.standard.flush()) == nil ? 1 : 0
        }
        Output.error.line("\(name) v1.8.9 (legacy): can't initialize ip6tables: Martlet has no IPv6 yet; it stays the kernel's")
        try? Output.error.flush()
        return exitCode
    }
}
