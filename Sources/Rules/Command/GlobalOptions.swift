/// iptables' own options. Extensions add theirs to this list while a rule is read.
enum GlobalOption: Hashable {
    case append, delete, check, insert, replace, list, listRules, flush, zero, newChain, deleteChain, rename, policy
    case source, destination, `protocol`, inInterface, outInterface, jump, goto, table, match, fragments, setCounters
    case numeric, verbose, exact, lineNumbers, wait, waitInterval, modprobe, version, help, ipv4, ipv6

    enum Argument { case none, required, optional }

    /// Long names in iptables' order.
    static let long: [(name: String, option: GlobalOption)] = [
        ("append", .append), ("delete", .delete), ("check", .check), ("insert", .insert), ("replace", .replace),
        ("list", .list), ("list-rules", .listRules), ("flush", .flush), ("zero", .zero), ("new-chain", .newChain),
        ("delete-chain", .deleteChain), ("rename-chain", .rename), ("policy", .policy), ("source", .source),
        ("destination", .destination), ("src", .source), ("dst", .destination), ("protocol", .protocol),
        ("in-interface", .inInterface), ("jump", .jump), ("table", .table), ("match", .match), ("numeric", .numeric),
        ("out-interface", .outInterface), ("verbose", .verbose), ("wait", .wait), ("wait-interval", .waitInterval),
        ("exact", .exact), ("fragments", .fragments), ("version", .version), ("help", .help),
        ("line-numbers", .lineNumbers), ("modprobe", .modprobe), ("set-counters", .setCounters), ("goto", .goto),
        ("ipv4", .ipv4), ("ipv6", .ipv6),
    ]

    private static let short: [Character: GlobalOption] = [
        "A": .append, "D": .delete, "C": .check, "I": .insert, "R": .replace, "L": .list, "S": .listRules,
        "F": .flush, "Z": .zero, "N": .newChain, "X": .deleteChain, "E": .rename, "P": .policy, "s": .source,
        "d": .destination, "p": .protocol, "i": .inInterface, "o": .outInterface, "j": .jump, "g": .goto,
        "t": .table, "m": .match, "f": .fragments, "c": .setCounters, "n": .numeric, "v": .verbose, "x": .exact,
        "w": .wait, "W": .waitInterval, "M": .modprobe, "V": .version, "h": .help, "4": .ipv4, "6": .ipv6,
    ]

    init?(short letter: Character) {
        guard let option = Self.short[letter] else { return nil }
        self = option
    }

    var argument: Argument {
        switch self {
        case .append, .delete, .check, .insert, .replace, .newChain, .rename, .policy, .source, .destination,
            .protocol, .inInterface, .outInterface, .jump, .goto, .table, .match, .setCounters, .modprobe:
            .required
        case .list, .listRules, .flush, .zero, .deleteChain, .wait, .waitInterval, .help: .optional
        case .fragments, .numeric, .verbose, .exact, .lineNumbers, .version, .ipv4, .ipv6: .none
        }
    }

    /// The letter messages name the option by.
    var letter: String {
        if self == .lineNumbers { return "-line-numbers" }
        return Self.short.first { $0.value == self }.map { String($0.key) } ?? "?"
    }
}
