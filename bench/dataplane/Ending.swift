import Dataplane
import Glibc
import Net

/// What the end of a million flows does to bursts: each has eight packets of the same thousand flows, which live on. Time is the
/// thread's own, so that others on the machine do not count. The machine's interrupts still do, and strike another burst each time: so
/// everything is done three times over, and beside what a burst took stands the least of its three times.
func measureEnding(_ large: inout BenchRouter) {
    let quiet = thrice { bursts(&large, 20_000) }
    report("bursts of eight packets, quiet", quiet, quiet)

    var ended = 0
    let ending = thrice {
        refill(&large)
        // All end within the same tenth of a second, but for those that packets keep alive.
        large.now = large.now + 29_000_000_000
        _ = bursts(&large, few / 8, step: 1)
        large.now = large.now + 3_000_000_000
        let start = large.shared.flows.count
        var times: [Double] = []
        while large.shared.flows.count > 2 * few, times.count < 200_000 { times += bursts(&large, 1000) }
        ended = start - large.shared.flows.count
        return times
    }
    report("while \(ended) flows end", ending, quiet)

    // The same for a million that are forgotten at once, by command.
    let flushed = thrice {
        refill(&large)
        large.shared.flows.forEach { flow in _ = large.shared.flows.kill(flow.index) }
        var times: [Double] = []
        repeat { times += bursts(&large, 1000) } while large.worker.timeToNextChore < 100 && times.count < 200_000
        return times
    }
    report("after a flush of \(million)", flushed, quiet)
}

/// Lets all flows end and what is left of them be freed, and begins a million.
private func refill(_ large: inout BenchRouter) {
    large.now = large.now + 40_000_000_000
    while large.shared.flows.count > 0 { large.idle(1_000_000) }
    for _ in 0..<20_000 { large.idle(1_000) }
    large.open(million)
}

/// Microseconds of each of so many bursts, nanoseconds apart.
private func bursts(_ router: inout BenchRouter, _ count: Int, step: UInt64 = 10_000) -> [Double] {
    var times: [Double] = []
    for burst in 0..<count {
        for place in 0..<8 { router.put((burst * 8 + place) % few, at: place) }
        router.now = router.now + step
        times.append(router.process(8, CLOCK_THREAD_CPUTIME_ID) / 1000)
    }
    return times
}

/// Of three runs, all times in order of length, and those that each burst took at least.
private struct Bursts {
    let all: [Double]
    let least: [Double]
}

private func thrice(_ run: () -> [Double]) -> Bursts {
    let runs = (0..<3).map { _ in run() }
    let common = runs.map(\.count).min() ?? 0
    let least = (0..<common).map { burst in runs.map { $0[burst] }.min() ?? 0 }
    return Bursts(all: runs.joined().sorted(), least: least.sorted())
}

/// The delay is what a burst took more than the usual one in quiet.
private func report(_ name: String, _ bursts: Bursts, _ quiet: Bursts) {
    let usual = quantile(quiet.all, 0.5)
    func line(_ sorted: [Double]) -> String {
        "99.9 % \(rounded(quantile(sorted, 0.999), 1)), 99.99 % \(rounded(quantile(sorted, 0.9999), 1)), longest \(rounded(sorted.last ?? 0, 1))"
    }
    print(row(name), "\(rounded(quantile(bursts.all, 0.5), 1)) µs, \(line(bursts.all)); the least of three times: \(line(bursts.least))")
    print(row("  the most that one was delayed"), "\(rounded((bursts.all.last ?? 0) - usual, 1)) µs; the least of three times: \(rounded((bursts.least.last ?? 0) - usual, 1))")
}
