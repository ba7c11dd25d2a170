import Control
import Net
import Rules
import Synchronization

extension RequestHandler {
    /// Carries out a call of iptables, iptables-restore or iptables-save as one transaction.
    func carryOut(_ call: IPTablesRequest) throws(Failure) -> Reply {
        let hosts = HostNames(call.hosts)
        let outcome: IPTables.Outcome
        do throws(IPTables.Finished) {
            switch call.program {
            case .iptables: outcome = try command(call.arguments, hosts)
            case .restore: outcome = try restore(call.input ?? "", call.arguments, hosts)
            case .save: outcome = try save(call.arguments)
            }
        } catch {
            outcome = error.outcome
        }
        // What a name that was not asked for yet stands for is no mistake.
        if !hosts.missing.isEmpty { return .hostsWanted(HostsWanted(names: hosts.missing)) }
        return .command(CommandReply(output: outcome.output, errors: outcome.errors, exitCode: outcome.exitCode))
    }

    private func command(_ arguments: [String], _ hosts: HostNames) throws(IPTables.Finished) -> IPTables.Outcome {
        let read = hosts.using {
            Result { () throws(IPTables.Finished) in try IPTables.command(arguments) }
        }
        let command = try read.get()
        if !command.changesRules {
            let ruleset = core.lock.withLock { _ in core.ruleset }
            // A table that is asked for comes into use, and that is a change like any other.
            if ruleset.contains(command.table) { return IPTables.run(command, on: ruleset) }
        }
        return change({ .init(errors: "iptables: \($0)\n", exitCode: $0.exitCode) }) { earlier in
            var outcome = IPTables.run(command, on: earlier)
            if let placed = firstInactive(outcome.ruleset, beside: earlier) {
                outcome = .init(errors: "iptables: \(placed.error)\n", exitCode: 1)
            }
            outcome.zeroesCounters = command.zeroesCounters
            return outcome
        }
    }

    private func restore(
        _ text: String, _ arguments: [String], _ hosts: HostNames
    ) throws(IPTables.Finished) -> IPTables.Outcome {
        let arguments = try IPTables.restoreArguments(arguments)
        let refused = { (refusal: RuleCompiler.Refusal) in
            let diagnostics = refusal.failure(in: SourceText(text, file: arguments.file ?? "-")).diagnostics
            return IPTables.Outcome(
                errors: "iptables-restore: line \(diagnostics[0].line) failed\n" + diagnostics.map { "\($0)\n" }.joined(),
                exitCode: refusal.exitCode)
        }
        if arguments.isTest { return test(text, arguments, hosts, refused) }
        return change(refused) { earlier in
            hosts.using {
                IPTables.restore(text, arguments, onto: earlier, refusesInactive: !reloader.allowsInactive)
            }
        }
    }

    /// Changes nothing, so nobody has to wait for it.
    private func test(
        _ text: String, _ arguments: IPTables.RestoreArguments, _ hosts: HostNames, _ refused: (RuleCompiler.Refusal) -> IPTables.Outcome
    ) -> IPTables.Outcome {
        let earlier = core.lock.withLock { _ in core.ruleset }
        var arguments = arguments
        arguments.isTest = false
        var outcome = hosts.using {
            IPTables.restore(text, arguments, onto: earlier, refusesInactive: !reloader.allowsInactive)
        }
        if let new = outcome.ruleset, let refusal = refusal(of: new) { return refused(refusal) }
        outcome.ruleset = nil
        return outcome
    }

    private func save(_ arguments: [String]) throws(IPTables.Finished) -> IPTables.Outcome {
        let arguments = try IPTables.saveArguments(arguments)
        var ruleset = core.lock.withLock { _ in core.ruleset }
        if let table = arguments.table, !ruleset.contains(table) {
            _ = change({ .init(errors: "iptables-save: \($0)\n", exitCode: 1) }) { earlier in
                ruleset = earlier
                if !ruleset.contains(table) { ruleset[table] = Table(table) }
                return .init(ruleset: ruleset)
            }
        }
        let text = ruleset.saved(
            .init(
                counters: arguments.counters, table: arguments.table,
                comments: .init(generator: "iptables-save v1.8.9", date: Self.date())))
        return .init(output: text, errors: arguments.notices)
    }

    /// - Parameters:
    ///   - refused: what is to be said of a rule that cannot be carried out.
    ///   - run: makes the outcome from the rules in force.
    private func change(
        _ refused: (RuleCompiler.Refusal) -> IPTables.Outcome, _ run: (Ruleset) -> IPTables.Outcome
    ) -> IPTables.Outcome {
        var refusal: IPTables.Outcome?
        do throws(Failure) {
            let describe = { (reason: RuleCompiler.Refusal) in
                refusal = refused(reason)
                return Failure("")
            }
            let outcome = try door.change(.edit, describe: describe) { earlier throws(Failure) in
                let outcome = run(earlier)
                return (RuleDoor.Proposal(ruleset: outcome.ruleset, zeroesCounters: outcome.zeroesCounters), outcome)
            }
            return outcome ?? .init()
        } catch {
            return refusal ?? .init(errors: "iptables: \(error.message)\n", exitCode: 1)
        }
    }

    private func firstInactive(_ new: Ruleset?, beside earlier: Ruleset) -> PlacedError? {
        guard let new, !reloader.allowsInactive else { return nil }
        return new.inactive(beside: earlier).first
    }
}

extension HostNames {
    convenience init(_ answers: [String: HostAnswer]?) {
        self.init(
            (answers ?? [:]).mapValues { answer in
                let addresses = answer.addresses.compactMap { IPv4Address($0) }
                guard let reason = answer.failure, addresses.isEmpty else { return .addresses(addresses) }
                return .failure(reason)
            })
    }
}

extension HostAnswer {
    /// What this process's resolver says of each name: the client's part in reading rules that name hosts.
    public static func resolve(_ names: [String]) -> [String: HostAnswer] {
        var answers: [String: HostAnswer] = [:]
        for name in names {
            answers[name] =
                switch HostNames.resolve(name) {
                case .addresses(let list): HostAnswer(addresses: list.map(\.description))
                case .failure(let reason): HostAnswer(failure: reason)
                }
        }
        return answers
    }

    /// The answers there are and those that are wanted besides.
    ///
    /// - Throws: if nothing is wanted that is not among them.
    public static func resolve(_ wanted: HostsWanted, beside known: [String: HostAnswer]?) throws(Failure) -> [String: HostAnswer] {
        let new = wanted.names.filter { known?[$0] == nil }
        guard !new.isEmpty else { throw Failure("the daemon asks for the same host names again") }
        return (known ?? [:]).merging(resolve(new)) { $1 }
    }
}
