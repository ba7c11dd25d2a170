import Control
import Glibc
import Rules
import Synchronization

extension RequestHandler {
    /// The rules as iptables-save prints them.
    func save(_ options: RulesSave) throws(Failure) -> RulesReply {
        let table = try Self.table(options.table)
        let ruleset = core.lock.withLock { _ in core.ruleset }
        return RulesReply(
            text: ruleset.saved(
                .init(
                    counters: options.counters, table: table,
                    comments: .init(generator: "martlet v\(Version.current)", date: Self.date()))))
    }

    /// Replaces the rules as iptables-restore does: wholly or not at all.
    func restore(_ options: RulesRestore) throws(Failure) -> Done {
        let table = try Self.table(options.table)
        return try core.lock.withLock { _ throws(Failure) in
            let earlier = core.ruleset
            let new = try RulesText.parse(
                options.text, file: options.file, onto: earlier,
                options: RestoreOptions(noFlush: options.noflush, counters: options.counters, table: table))
            do throws(RuleCompiler.Refusal) {
                try core.replaceRules(new, madeFrom: earlier)
            } catch {
                throw Failure("", diagnostics: [Control.Diagnostic(refusal: error, file: options.file)])
            }
            let strangers = new.interfacesBeside(core.portNames).filter { $0 != "lo" }
            if strangers.isEmpty { return Done() }
            return Done(message: "no ports, so rules that name them match nothing: \(strangers.joined(separator: ", "))")
        }
    }

    /// The rules in figures.
    var rulesSummary: RulesSummary {
        core.lock.withLock { _ in
            RulesSummary(
                file: reloader.rulesFile, generation: core.snapshotGeneration, isModified: core.rulesAreModified,
                tables: core.ruleset.tables.map { table in
                    RulesSummary.Table(
                        name: table.name.rawValue, chains: table.chains.count,
                        rules: table.chains.reduce(0) { $0 + $1.rules.count })
                })
        }
    }

    static func table(_ name: String?) throws(Failure) -> TableName? {
        guard let name else { return nil }
        guard let table = TableName(rawValue: name) else {
            throw Failure("there is no table \"\(name)\"; there are raw, mangle, nat and filter")
        }
        return table
    }

    /// Local time as ctime(3) has it, without the line feed.
    private static func date() -> String {
        var now = time(nil)
        var parts = unsafe tm()
        unsafe localtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let length = unsafe strftime(&text, text.count, "%a %b %e %H:%M:%S %Y", &parts)
        return String(decoding: text[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
