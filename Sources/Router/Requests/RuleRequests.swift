import CXDP
import Control
import Glibc
import Net
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

    /// Replaces the rules: wholly or not at all. Rules that stay keep their counters, unless the text brings others.
    func restore(_ options: RulesRestore) throws(Failure) -> Reply {
        let table = try Self.table(options.table)
        var kind = options.noflush ? RuleDoor.Kind.edit : .replacement
        if let seconds = options.confirm {
            guard (1...RulesRestore.longestTrial).contains(seconds) else {
                throw Failure("--confirm takes 1 to \(RulesRestore.longestTrial) seconds", exitCode: 2)
            }
            kind = .trial(until: MonotonicClock.now() + UInt64(seconds) * 1_000_000_000)
        }
        let hosts = HostNames(options.hosts)
        let allowInactive = options.allowInactive ?? reloader.allowsInactive
        func read(_ earlier: Ruleset) throws(Failure) -> (ruleset: Ruleset, zeroesCounters: Bool) {
            let result = hosts.using {
                Result { () throws(Failure) in
                    try RulesText.read(
                        options.text, file: options.file, onto: earlier,
                        options: RestoreOptions(noFlush: options.noflush, counters: options.counters, table: table),
                        allowInactive: allowInactive)
                }
            }
            return try result.get()
        }
        let source = { SourceText(options.text, file: options.file) }
        do throws(Failure) {
            if options.test == true {
                // Not through the door: nobody has to wait for what changes nothing.
                let new = try read(core.lock.withLock { _ in core.ruleset }).ruleset
                if let refusal = refusal(of: new) { throw refusal.failure(in: source()) }
                return .done(Done(message: remarks(new)))
            }
            let done = try door.change(kind, describe: { $0.failure(in: source()) }) { earlier throws(Failure) in
                var (new, zeroesCounters) = try read(earlier)
                // With --noflush every rule that stays is still there, with its counters or those that a -Z left.
                if !options.counters, !options.noflush { new = new.keepingCounters(of: earlier) }
                return (RuleDoor.Proposal(ruleset: new, zeroesCounters: zeroesCounters), Done(message: remarks(new)))
            }
            return .done(done ?? Done())
        } catch {
            // What a name that was not asked for yet stands for is no mistake.
            if !hosts.missing.isEmpty { return .hostsWanted(HostsWanted(names: hosts.missing)) }
            throw error
        }
    }

    /// What keeps rules from being put in force as things are.
    func refusal(of ruleset: Ruleset) -> RuleCompiler.Refusal? {
        let policies = core.lock.withLock { _ in core.policies.entries }
        return RuleCompiler.refusal(
            of: ruleset, for: .init(portNames: core.portNames, allowsInactive: true, setSlots: core.sets.slots, policies: policies))
    }

    /// What should be known of rules that were taken; nil if there is nothing.
    private func remarks(_ ruleset: Ruleset) -> String? {
        var remarks: [String] = []
        let strangers = ruleset.interfacesBeside(core.portNames).filter { $0 != "lo" }
        if !strangers.isEmpty {
            remarks.append("no ports, so rules that name them match nothing: \(strangers.joined(separator: ", "))")
        }
        let inactive = ruleset.inactive().count
        if inactive > 0 { remarks.append("\(inactive) of the rules do not act yet") }
        return remarks.isEmpty ? nil : remarks.joined(separator: "\n")
    }

    func confirm() throws(Failure) -> Done {
        try door.confirm()
        return Done(message: "the rules stay")
    }

    func rollBack() throws(Failure) -> Done {
        try door.rollBack()
        return Done(message: "the rules from before are back")
    }

    /// The rules in figures.
    var rulesSummary: RulesSummary {
        let seconds = door.endOfTrial.map { Int(($0.since(MonotonicClock.now()) + 999_999_999) / 1_000_000_000) }
        return core.lock.withLock { _ in
            let ruleset = core.ruleset
            let inactive = ruleset.inactive().count
            return RulesSummary(
                file: reloader.rulesFile, generation: core.snapshotGeneration, isModified: core.rulesAreModified,
                tables: ruleset.tables.map { table in
                    RulesSummary.Table(
                        name: table.name.rawValue, chains: table.chains.count,
                        rules: table.chains.reduce(0) { $0 + $1.rules.count })
                },
                secondsToConfirm: seconds, inactive: inactive > 0 ? inactive : nil)
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
    static func date() -> String {
        var now = time(nil)
        var parts = unsafe tm()
        unsafe localtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let length = unsafe strftime(&text, text.count, "%a %b %e %H:%M:%S %Y", &parts)
        return String(decoding: text[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
