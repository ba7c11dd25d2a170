import Control
import Dataplane
import Net
import Rules
import Synchronization

// What an operator does to a running router, for who drives one without clock and threads.

extension OfflineRouter {
    /// Puts rules in force as `iptables-restore` does: between two packets, wholly or not at all.
    ///
    /// - Throws: everything that is wrong with the text.
    package func restore(_ text: String, options: RestoreOptions) throws(Failure) {
        let earlier = core.lock.withLock { _ in core.ruleset }
        let new = try RulesText.parse(text, file: "rules", onto: earlier, options: options)
        // No burst is under way: nobody is to be waited for.
        core.shared.epochs.leave(0)
        do throws(RuleCompiler.Refusal) {
            try core.lock.withLock { (_) throws(RuleCompiler.Refusal) in try core.replaceRules(new, madeFrom: earlier) }
        } catch {
            throw error.failure(in: SourceText(text, file: "rules"))
        }
    }

    /// Carries out an ipset command.
    ///
    /// - Returns: whether ipset would end with 0.
    package func succeeds(ipset words: [String]) -> Bool {
        let isTolerant = words.contains("-exist")
        let command = Word.words(of: words.filter { $0 != "-exist" })
        return (try? core.sets.perform(command, exists: isTolerant, at: now.nanoseconds).isThere) ?? false
    }

    /// Restores sets as `ipset restore` does: wholly or not at all.
    ///
    /// - Throws: everything that is wrong with the text.
    package func restore(sets text: String) throws(Diagnostics) {
        try core.sets.restore(text, file: "sets", exists: false, at: now.nanoseconds)
    }

    /// A list of `recent` as /proc/net/xt_recent has it; nil if no rule names it.
    package func recentList(_ name: String) -> String? {
        core.lock.withLock { _ in core.book.states.all(RecentList.self) }.first { $0.name == name }.map { list in
            list.state.table.records().map { record in
                RecentEntryRow(
                    address: record.address, ttl: record.ttl, lastSeen: record.lastSeen, oldestPacket: record.index,
                    stamps: record.stamps
                ).procText + "\n"
            }.joined()
        }
    }
}
