import FuzzSupport
import Net
import Router
import Rules
import TestSupport

// The text that operators bring: iptables-save files, `iptables` command lines, ipset-save files. Whatever it says, it is read or refused; and
// what was read and printed reads back as the same.

@_cdecl("RulesFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    unsafe runFuzzer(count, arguments, fuzzRules)
}

/// The first byte chooses the door, the rest is the text.
func fuzzRules(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let bytes = unsafe bytes, count > 1 else { return 0 }
    let input = unsafe UnsafeBufferPointer(start: bytes, count: count)
    let text = unsafe String(decoding: input.dropFirst(), as: UTF8.self)
    switch unsafe input[0] % 4 {
    case 0: fuzzSets(text)
    case 1: fuzzCommand(text)
    case 2: fuzzRestoreOnto(text)
    default: fuzzRestore(text)
    }
    return 0
}

private func fuzzRestore(_ text: String) {
    guard let ruleset = try? Ruleset.restoring(text, file: "fuzz") else { return }
    requireRoundTrip(ruleset)
}

/// Two texts, the second onto what the first left.
private func fuzzRestoreOnto(_ text: String) {
    let parts = text.split(separator: "\u{0}", maxSplits: 1)
    guard parts.count == 2, let first = try? Ruleset.restoring(String(parts[0]), file: "fuzz") else { return }
    let options = RestoreOptions(noFlush: true, counters: true)
    guard let second = try? Ruleset.restoring(String(parts[1]), file: "fuzz", onto: first, options: options) else { return }
    requireRoundTrip(second)
}

/// A line is a command, its words set apart by spaces.
private func fuzzCommand(_ text: String) {
    var ruleset = Ruleset()
    for line in text.split(separator: "\n").prefix(8) {
        let outcome = IPTables.run(line.split(separator: " ").map(String.init), on: ruleset)
        precondition(outcome.exitCode != 0 || outcome.errors.isEmpty || !outcome.errors.contains("Error"))
        if let changed = outcome.ruleset { ruleset = changed }
    }
    requireRoundTrip(ruleset)
}

/// Sets that were saved read back as the same.
private func fuzzSets(_ text: String) {
    guard let router = unsafe sets, (try? router.restore(sets: text)) != nil else { return }
    let saved = router.savedSets()
    destroyAll(in: router)
    do {
        try router.restore(sets: saved)
    } catch {
        fatalError("what was saved does not read back:\n\(saved)\n\(error)")
    }
    let again = router.savedSets()
    precondition(
        again.count == saved.count && SetElements.lines(again) { String($0) } == SetElements.lines(saved) { String($0) },
        "what was saved reads back otherwise:\n\(saved)\n\(again)")
    destroyAll(in: router)
}

private func destroyAll(in router: OfflineRouter) {
    // A list keeps what it holds.
    precondition(router.succeeds(ipset: ["flush"]) && router.succeeds(ipset: ["destroy"]), "sets that nobody names cannot be destroyed")
}

/// Holds the sets, and forwards nothing.
nonisolated(unsafe) private let sets = try? OfflineRouter(
    Configuration.parse("ports: [{name: lan0}]\nstatic: {ports: [{name: lan0, mac: \"02:00:00:00:00:01\"}]}\n", file: "configuration"),
    ruleset: Ruleset(), start: .seconds(1000))

private func requireRoundTrip(_ ruleset: Ruleset) {
    let saved = ruleset.saved(.init(counters: true))
    let again: Ruleset
    do {
        again = try Ruleset.restoring(saved, file: "saved", options: RestoreOptions(counters: true))
    } catch {
        fatalError("what was saved does not read back:\n\(saved)\n\(error)")
    }
    // The order of the tables is that of their history, which reading them back turns around.
    for table in TableName.allCases {
        let first = ruleset.saved(.init(counters: true, table: table))
        let second = again.saved(.init(counters: true, table: table))
        precondition(first == second, "what was saved reads back otherwise:\n\(first)\n\(second)")
    }
}
