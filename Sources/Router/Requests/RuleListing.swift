import Control
import Rules
import Synchronization

extension RequestHandler {
    /// The rules as `iptables -L` prints them. Of several tables, each stands under its name.
    func list(_ options: RulesList) throws(Failure) -> RulesReply {
        let ruleset = core.lock.withLock { _ in core.ruleset }
        if let table = try Self.table(options.table) {
            return RulesReply(text: try Self.text(ruleset, table, options))
        }
        let tables = TableName.allCases.filter { name in
            guard ruleset.contains(name) else { return false }
            return options.chain.map { ruleset[name][chain: $0] != nil } ?? true
        }
        if tables.isEmpty, let chain = options.chain { throw Failure("no table has a chain \"\(chain)\"") }
        let texts = try tables.map { (name) throws(Failure) in
            "Table \(name.rawValue)\n" + (try Self.text(ruleset, name, options))
        }
        return RulesReply(text: texts.joined(separator: "\n"))
    }

    private static func text(_ ruleset: Ruleset, _ table: TableName, _ options: RulesList) throws(Failure) -> String {
        var arguments = ["-t", table.rawValue, "-L"]
        if let chain = options.chain { arguments.append(chain) }
        if options.verbose { arguments.append("-v") }
        if options.numeric { arguments.append("-n") }
        if options.exact { arguments.append("-x") }
        if options.lineNumbers { arguments.append("--line-numbers") }
        let outcome = IPTables.run(arguments, on: ruleset)
        guard outcome.exitCode == 0 else {
            var message = outcome.errors
            while message.last == "\n" { message.removeLast() }
            throw Failure(message)
        }
        return outcome.output
    }
}
