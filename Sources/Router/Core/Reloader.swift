import Control
import Net
import Rules
import Synchronization

/// Reads configuration and rules again while the router runs, for SIGHUP and for control clients alike.
final class Reloader: Sendable {
    private let path: String
    private let core: RouterCore
    /// What is in force of the configuration. Locked inside `core.lock`, never around it.
    private let configuration: Mutex<Configuration>

    init(path: String, configuration: Configuration, core: RouterCore) {
        self.path = path
        self.core = core
        self.configuration = Mutex(configuration)
    }

    /// The file that the rules came from; nil if there is none.
    var rulesFile: String? { configuration.withLock { $0.rules.ipv4 } }

    /// Puts rules, timeouts and what else can change while running in force, all of it or nothing.
    ///
    /// - Returns: what the operator should know, a sentence each.
    /// - Throws: everything that is wrong with the files. What is in force stays then.
    func reload() throws(Failure) -> [String] {
        let new: Configuration
        do throws(ConfigurationError) {
            new = try Configuration.load(path)
        } catch {
            throw Failure("", diagnostics: error.diagnostics)
        }
        let prepared = try core.sets.prepare(
            try RulesText.loadSets(new.rules), file: new.rules.sets ?? "", at: MonotonicClock.now().nanoseconds)
        let ruleset = try RulesText.load(new.rules)
        return try core.lock.withLock { _ throws(Failure) in
            let wasModified = core.rulesAreModified || core.sets.isModified
            do throws(RuleCompiler.Refusal) {
                try core.reload(ruleset, sets: prepared, conntrack: new.conntrack)
            } catch {
                throw Failure("", diagnostics: [Control.Diagnostic(refusal: error, file: new.rules.ipv4 ?? path)])
            }
            return configuration.withLock { old in
                defer { old.adopt(new) }
                var messages = ["configuration and rules read again"]
                if wasModified { messages.append("what was changed by command since the last reading is gone") }
                let waiting = old.differencesThatWait(new)
                if !waiting.isEmpty { messages.append("changed, but only from the next start on: \(waiting.joined(separator: ", "))") }
                for name in ruleset.interfacesBeside(core.portNames) where name != "lo" {
                    messages.append("rules name the interface \"\(name)\", which is no port: they match nothing")
                }
                return messages
            }
        }
    }
}

extension Configuration {
    /// Takes over what changes while running.
    fileprivate mutating func adopt(_ new: Configuration) {
        let max = conntrack.max
        rules = new.rules
        conntrack = new.conntrack
        conntrack.max = max
    }

    /// What is built once at the start, by the configuration's names.
    fileprivate func differencesThatWait(_ new: Configuration) -> [String] {
        var names: [String] = []
        if new.ports != ports { names.append("ports") }
        if new.workers != workers { names.append("workers") }
        if new.conntrack.max != conntrack.max { names.append("conntrack.max") }
        if new.offload != offload { names.append("offload") }
        if new.control != control { names.append("control") }
        return names
    }
}
