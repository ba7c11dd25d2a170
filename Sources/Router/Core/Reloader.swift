import Control
import Net
import Rules
import Synchronization

/// Reads configuration and rules again while the router runs, for SIGHUP and for control clients alike.
final class Reloader: Sendable {
    private let path: String
    private let door: RuleDoor
    /// What is in force of the configuration. Locked inside the door's locks, never around them.
    private let configuration: Mutex<Configuration>

    init(path: String, configuration: Configuration, door: RuleDoor) {
        self.path = path
        self.door = door
        self.configuration = Mutex(configuration)
    }

    /// The file that the rules came from; nil if there is none.
    var rulesFile: String? { configuration.withLock { $0.rules.ipv4 } }
    /// What it says of tracking.
    var conntrack: ConntrackConfiguration { configuration.withLock { $0.conntrack } }
    /// Whether rules that do not act yet are taken.
    var allowsInactive: Bool { configuration.withLock { $0.rules.allowInactive } }

    /// Puts rules, timeouts and what else can change while running in force, all of it or nothing. Rules that stay keep their counters.
    ///
    /// - Returns: what the operator should know, a sentence each.
    /// - Throws: everything that is wrong with the files; that rules are on trial. What is in force stays then.
    func reload() throws(Failure) -> [String] {
        // Files may have changed once more before another reload reads them: of two at once, the one that began later counts.
        let ticket = door.takeTicket()
        let new: Configuration
        do throws(ConfigurationError) {
            new = try Configuration.load(path)
        } catch {
            throw Failure("", diagnostics: error.diagnostics)
        }
        let prepared = try door.core.sets.prepare(
            try RulesText.loadSets(new.rules), file: new.rules.sets ?? "", at: MonotonicClock.now().nanoseconds)
        let (ruleset, source) = try RulesText.load(new.rules)
        let messages = try door.change(
            .replacement, ticket: ticket,
            describe: { $0.failure(in: source) }
        ) { earlier in
            let proposal = RuleDoor.Proposal(
                ruleset: ruleset.keepingCounters(of: earlier), reload: .init(conntrack: new.conntrack, recent: new.recent, sets: prepared))
            var messages = ["configuration and rules read again"]
            if door.core.lock.withLock({ _ in door.core.rulesAreModified || door.core.settingsAreModified || door.core.sets.isModified }) {
                messages.append("what was changed by command since the last reading is gone")
            }
            let waiting = configuration.withLock { $0.differencesThatWait(new) }
            if !waiting.isEmpty { messages.append("changed, but only from the next start on: \(waiting.joined(separator: ", "))") }
            for name in ruleset.interfacesBeside(door.core.portNames) where name != "lo" {
                messages.append("rules name the interface \"\(name)\", which is no port: they match nothing")
            }
            let inactive = ruleset.inactive().count
            if inactive > 0 { messages.append("\(inactive) of the rules do not act yet; `martlet check` names them") }
            return (proposal, messages)
        } committed: {
            configuration.withLock { $0.adopt(new) }
        }
        return messages ?? ["another reload that began later was faster; what it read is in force"]
    }
}

extension Configuration {
    /// Takes over what changes while running.
    fileprivate mutating func adopt(_ new: Configuration) {
        let max = conntrack.max
        rules = new.rules
        conntrack = new.conntrack
        recent = new.recent
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
        if new.log != log { names.append("log") }
        if new.effects != effects { names.append("effects") }
        return names
    }
}
