/// The options a rule may use at a point: iptables' own, and those of the matches and targets called in so far.
///
/// It answers as getopt_long would. A long option is looked up by its exact name among iptables' own options and then
/// those of the extensions, the last one called in first; failing that, by an unambiguous beginning.
struct OptionTable {
    /// A match or a target a rule has called in, and what it was given so far.
    struct Loaded {
        var description: ExtensionDescription
        var match: (any MatchExtension.Type)?
        var target: (any TargetExtension.Type)?
        var word: Word
        var given: [GivenOption] = []
    }

    /// In the order they were called in; at most one is a target.
    var extensions: [Loaded] = []

    enum Known {
        case global(GlobalOption)
        case extended(loadedIndex: Int, OptionDescription)
    }

    /// What a long name means: an exact one first, else an unambiguous beginning.
    func find(_ name: String) -> Known? {
        if let global = GlobalOption.long.first(where: { $0.name == name }) { return .global(global.option) }
        for index in extensions.indices.reversed() {
            for option in extensions[index].description.options
            where option.name == name || option.aliases.contains(name) {
                return .extended(loadedIndex: index, option)
            }
        }
        guard !name.isEmpty else { return nil }
        var globals: Set<GlobalOption> = []
        for entry in GlobalOption.long where entry.name.hasPrefix(name) { globals.insert(entry.option) }
        var extended: [(index: Int, option: OptionDescription)] = []
        for index in extensions.indices {
            // Of an extension that was called in twice the last one is meant.
            extended.removeAll { extensions[$0.index].description.name == extensions[index].description.name }
            for option in extensions[index].description.options
            where option.name.hasPrefix(name) || option.aliases.contains(where: { $0.hasPrefix(name) }) {
                extended.append((index, option))
            }
        }
        if globals.count == 1, extended.isEmpty, let only = globals.first { return .global(only) }
        if globals.isEmpty, extended.count == 1 { return .extended(loadedIndex: extended[0].index, extended[0].option) }
        return nil
    }

    /// Names an option may have been meant to be, for the message.
    private var candidates: [String] {
        GlobalOption.long.map(\.name) + extensions.flatMap { $0.description.options.flatMap { [$0.name] + $0.aliases } }
    }

    /// Why a name means nothing, or too much.
    func unknown(_ word: Word, name: String) -> RuleError {
        let known = candidates
        let matching = known.filter { $0.hasPrefix(name) && !name.isEmpty }
        if matching.count > 1 {
            return RuleError(
                "unknown option \"\(word.text)\"",
                hint: "it is ambiguous and may mean " + matching.map { "--\($0)" }.joined(separator: ", "), at: word)
        }
        if let reason = Refused.reason(option: name) {
            return RuleError("unknown option \"\(word.text)\"", hint: "it is not supported: \(reason)", at: word)
        }
        if let hint = OldSpelling.hint(forOption: name) {
            return RuleError("unknown option \"\(word.text)\"", hint: hint, at: word)
        }
        let owners = Extensions.descriptions.filter { description in
            description.options.contains { $0.name == name || $0.aliases.contains(name) }
        }
        let hint: String? =
            if let nearest = Suggestion.nearest(to: name, among: known) {
                "did you mean \"--\(nearest)\"?"
            } else if !owners.isEmpty {
                "it belongs to "
                    + owners.map { "\($0.kind == .match ? "-m" : "-j") \($0.name)" }.joined(separator: ", ")
                    + ", to be named before it"
            } else {
                nil
            }
        return RuleError("unknown option \"\(word.text)\"", hint: hint, at: word)
    }
}
