/// What `-h` prints: the commands and options of iptables, and those of the matches and targets named with it.
enum Usage {
    static func text(about extensions: [ExtensionDescription]) -> String {
        var text = general
        for description in extensions {
            let kind = description.kind == .match ? "match" : "target"
            text += "\n\(description.name) \(kind) options: \(description.summary)\n"
            for option in description.options {
                let negation = option.canNegate ? "[!] " : "    "
                let arguments =
                    option.hasOptionalArgument ? " [value]" : String(repeating: " value", count: option.argumentCount)
                text += "\(negation)--\(option.name)\(arguments)\n"
                for alias in option.aliases { text += "     --\(alias) ...\n" }
            }
            text += place(of: description)
        }
        return text
    }

    /// Where an extension may stand, if not everywhere.
    private static func place(of description: ExtensionDescription) -> String {
        var lines = ""
        if description.tables.count < TableName.allCases.count {
            let tables = TableName.allCases.filter { description.tables.contains($0) }.map(\.rawValue)
            lines += "    only in table \(tables.joined(separator: ", "))\n"
        }
        if description.hooks != .all { lines += "    only in \(description.hooks)\n" }
        if !description.protocols.isEmpty {
            let names = description.protocols.map { Names.protocolName($0) ?? String($0) }
            lines += "    only with -p \(names.joined(separator: ", "))\n"
        }
        if case .inactive(let awaited) = description.status { lines += "    does not act yet: comes with \(awaited)\n" }
        return lines
    }

    private static let general = """
        iptables \(IPTables.version)

        Usage: iptables -[ACD] chain rule-specification [options]
               iptables -I chain [rulenum] rule-specification [options]
               iptables -R chain rulenum rule-specification [options]
               iptables -D chain rulenum [options]
               iptables -[LS] [chain [rulenum]] [options]
               iptables -[FZ] [chain] [options]
               iptables -[NX] chain
               iptables -E old-chain-name new-chain-name
               iptables -P chain target [options]
               iptables -h (print this help information)

        Commands, long or short:
          -A --append chain              add rules at the end of the chain
          -C --check chain               whether the chain has such a rule
          -D --delete chain [rulenum]    take out the rule, by its words or its number
          -I --insert chain [rulenum]    add rules before the numbered one, or the first
          -R --replace chain rulenum     put a rule in place of the numbered one
          -L --list [chain [rulenum]]    show rules as a table
          -S --list-rules [chain [rulenum]]  show rules as commands
          -F --flush [chain]             take out every rule
          -Z --zero [chain [rulenum]]    clear counters
          -N --new-chain chain           make a user chain
          -X --delete-chain [chain]      remove a user chain, or every empty one
          -P --policy chain target       what becomes of a packet at the end of a built-in chain
          -E --rename-chain old new      change a user chain's name, in rules that name it too

        Options:
          -t --table name                raw, mangle, nat or filter (the default)
          [!] -p --protocol name         protocol by name or number
          [!] -s --source address[/mask][,...]
          [!] -d --destination address[/mask][,...]
          [!] -i --in-interface name[+]
          [!] -o --out-interface name[+]
          [!] -f --fragments             second and later fragments alone
          -m --match name                a match, with its options after it
          -j --jump target               what happens to the packet
          -g --goto chain                go on in a chain without coming back
          -c --set-counters packets bytes
          -n --numeric                   addresses and ports as numbers
          -v --verbose                   counters and interfaces too
          -x --exact                     counters to the last digit
             --line-numbers              numbers of rules
          -w --wait [seconds]            accepted; changes never have to wait
          -V --version

        """
}
