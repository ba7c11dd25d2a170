import Control
import Net
import Rules
import Synchronization

/// The one door by which other rules come into force while the router runs: reload, `rules restore` and `iptables` all go through
/// `change`, one at a time. Who comes in reads the rules, changes them and puts them in force before the next one reads, so no change
/// is ever lost to another.
///
/// **Trials.** Rules that were restored with `--confirm SECONDS` are on trial: unless `rules confirm` comes in time, the rules from
/// before come back, with the counters they had; what both have goes on counting. So do the sets that a command has changed meanwhile:
/// they are again as they were when it did; others keep what packets put there. While a trial lasts
/// - another restore with `--confirm` begins the time anew, and what would come back stays what was in force before the first;
/// - a restore that replaces rules without it and a reload are refused: they would decide the trial by accident;
/// - `iptables` (and iptables-restore, which is how firewall programs speak) and a restore with `--noflush` change the rules on trial.
///   That goes with them if they are not confirmed;
/// - once its time is over nothing comes before its end: who confirms or changes rules then finds those from before;
/// - the end of the daemon ends the trial too: the next start reads the configuration's file, which a restore does not touch.
///
/// Synchronisation: `turn` is held through a whole change, `core.lock` inside it only to look at the rules and to replace them. So
/// whoever waits for `core.lock` never waits for a text to be read. Nothing under `turn` asks a name server.
final class RuleDoor: Sendable {
    /// What a change is to the rules on trial, if some are.
    enum Kind {
        /// Changes what is there.
        case edit
        /// Takes the place of what is there.
        case replacement
        /// Takes its place until this time, or for good if it is confirmed.
        case trial(until: Instant)
    }

    /// What a change makes of the rules.
    struct Proposal {
        /// nil leaves them as they are.
        var ruleset: Ruleset?
        /// Counters were set to zero on the way.
        var zeroesCounters = false
        /// What a reload brings besides.
        var reload: Reload?

        struct Reload {
            var conntrack: ConntrackConfiguration
            var recent: RecentConfiguration
            var sets: SetStore.Prepared
        }
    }

    private struct Trial {
        var earlier: Ruleset
        var wasModified: Bool
        var deadline: Instant
    }

    private struct State {
        var trial: Trial?
        var lastReload: UInt64 = 0
    }

    let core: RouterCore
    private let turn = Mutex(State())
    /// When the trial ends, to be looked at without a turn. Locked inside `turn`, too.
    private let deadline = Mutex<Instant?>(nil)
    private let tickets = Atomic<UInt64>(0)
    /// A trial has ended by its time, and `endTrialIfDue` has not said so yet.
    private let hasEndedUnsaid = Atomic<Bool>(false)

    init(core: RouterCore) { self.core = core }

    // MARK: Changes

    /// Carries out one change, wholly or not at all.
    ///
    /// - Parameters:
    ///   - ticket: of a reload: it gives way to one that began later and was faster.
    ///   - describe: says which text a rule that cannot be carried out comes from.
    ///   - propose: called with the rules in force and all they have counted.
    ///   - committed: called once the change is in force, before the next one begins.
    /// - Returns: what `propose` answered; nil if the change gave way.
    /// - Throws: what `propose` throws; that there is a trial; `describe`'s words for a rule that cannot be carried out.
    @discardableResult
    func change<Answer: Sendable>(
        _ kind: Kind, ticket: UInt64? = nil, describe: (RuleCompiler.Refusal) -> Failure,
        _ propose: (Ruleset) throws(Failure) -> (Proposal, Answer), committed: () -> Void = {}
    ) throws(Failure) -> Answer? {
        try turn.withLock { state throws(Failure) in
            try endIfDue(&state)
            if case .replacement = kind, state.trial != nil {
                throw Failure(
                    "rules are on trial: `martlet rules confirm` keeps them, `martlet rules rollback` brings back those from before")
            }
            if let ticket {
                guard ticket > state.lastReload else { return nil }
            }
            let (earlier, wasModified) = core.lock.withLock { _ in (core.ruleset, core.rulesAreModified) }
            let (proposal, answer) = try propose(earlier)
            guard let new = proposal.ruleset else { return answer }
            let beginsTrial = if case .trial = kind { state.trial == nil } else { false }
            // While the rules in force still hold them: from the moment others do not, a command may destroy them.
            if beginsTrial { core.sets.remember() }
            do throws(RuleCompiler.Refusal) {
                try core.lock.withLock { _ throws(RuleCompiler.Refusal) in
                    if let reload = proposal.reload {
                        try core.reload(new, madeFrom: earlier, sets: reload.sets, conntrack: reload.conntrack, recent: reload.recent)
                    } else {
                        try core.replaceRules(new, madeFrom: earlier, zeroed: proposal.zeroesCounters)
                    }
                }
            } catch {
                if beginsTrial { core.sets.forgetRemembered() }
                throw describe(error)
            }
            // Only now: one that was refused is no reason for another to give way.
            if let ticket { state.lastReload = ticket }
            committed()
            if case .trial(let end) = kind {
                let first = state.trial
                state.trial = Trial(
                    earlier: first?.earlier ?? earlier, wasModified: first?.wasModified ?? wasModified, deadline: end)
                deadline.withLock { $0 = end }
            }
            return answer
        }
    }

    /// A reload's place in the row, to be taken before anything is read.
    func takeTicket() -> UInt64 { tickets.wrappingAdd(1, ordering: .relaxed).newValue }

    // MARK: Trials

    /// When the rules on trial go, if they are not confirmed; nil if none are on trial.
    var endOfTrial: Instant? { deadline.withLock { $0 } }

    /// The rules on trial stay.
    func confirm() throws(Failure) {
        try turn.withLock { state throws(Failure) in
            try endIfDue(&state)
            guard state.trial != nil else { throw Failure("no rules are on trial: they were confirmed, or have gone back already") }
            state.trial = nil
            deadline.withLock { $0 = nil }
            core.sets.forgetRemembered()
        }
    }

    /// The rules on trial go at once.
    func rollBack() throws(Failure) {
        try turn.withLock { state throws(Failure) in
            guard state.trial != nil else { throw Failure("no rules are on trial: they were confirmed, or have gone back already") }
            try end(&state)
        }
    }

    /// Ends the trial if its time is over. Whoever calls does not wait for a change that is under way, but comes again.
    ///
    /// - Returns: whether rules from before came back.
    func endTrialIfDue(_ now: Instant) throws(Failure) -> Bool {
        if let end = endOfTrial, now >= end {
            var failure: Failure?
            turn.withLockIfAvailable { state in
                do throws(Failure) { try endIfDue(&state, now) } catch { failure = error }
            }
            if let failure { throw failure }
        }
        return hasEndedUnsaid.exchange(false, ordering: .relaxed)
    }

    private func endIfDue(_ state: inout State, _ now: Instant = MonotonicClock.now()) throws(Failure) {
        guard let trial = state.trial, now >= trial.deadline else { return }
        try end(&state)
        hasEndedUnsaid.store(true, ordering: .relaxed)
    }

    private func end(_ state: inout State) throws(Failure) {
        guard let trial = state.trial else { return }
        do throws(RuleCompiler.Refusal) {
            try core.lock.withLock { _ throws(RuleCompiler.Refusal) in
                let current = core.ruleset
                try core.bringBack(
                    trial.earlier.takingCounters(of: current), madeFrom: current, isModified: trial.wasModified,
                    at: MonotonicClock.now().nanoseconds)
            }
        } catch {
            throw Failure(error.description)
        }
        state.trial = nil
        deadline.withLock { $0 = nil }
    }
}
