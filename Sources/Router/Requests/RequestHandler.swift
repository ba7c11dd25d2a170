import Control
import Dataplane
import Glibc
import Net
import PacketIO

/// Answers what control clients ask, each on its client's thread.
///
/// Whatever is read or changed on the slow side happens with `core.lock` held. Replies go to a client that may be slow, so
/// they are sent only after the lock is free again: every request first collects, then replies.
struct RequestHandler: ControlHandler {
    let core: RouterCore
    let door: RuleDoor
    let reloader: Reloader
    let exchange: Exchange
    let reporter: Reporter
    let ports: [AttachedPort]
    let hostPort: AttachedPort
    let umem: Umem
    let configuration: Configuration
    let configurationPath: String
    /// When forwarding began, as CLOCK_MONOTONIC.
    let started: Instant

    func handle(_ request: Request, reply: (Reply) throws -> Void) throws {
        switch request {
        case .ports: for row in portRows() { try reply(.port(row)) }
        case .workers: for row in try workerRows() { try reply(.worker(row)) }
        case .stats: try reply(.stats(try stats()))
        case .drops: for row in dropRows() { try reply(.drop(row)) }
        case .routes: try listRoutes { try reply(.route($0)) }
        case .neighbors: for row in neighborRows() { try reply(.neighbor(row)) }
        case .rulesSummary: try reply(.rulesSummary(rulesSummary))
        case .version: try reply(.version(version))
        case .flowsList(let filter): try listFlows(filter) { try reply(.flow($0)) }
        case .flowsCount: try reply(.flowCount(flowCount))
        case .flowsFlush: try reply(.done(Done(count: deleteFlows { _ in true })))
        case .flowsDelete(let filter): try reply(.done(Done(count: deleteFlows(filter.matches))))
        case .flowsEvents(let wanted):
            if wanted.expectations {
                try streamExpectationEvents(wanted.kinds, reply: reply)
            } else {
                try streamEvents(wanted, reply: reply)
            }
        case .settings: for row in settingRows() { try reply(.setting(row)) }
        case .set(let change): try reply(.done(try set(change)))
        case .rulesSave(let options): try reply(.rules(try save(options)))
        case .rulesRestore(let options): try reply(try restore(options))
        case .rulesConfirm: try reply(.done(try confirm()))
        case .rulesRollback: try reply(.done(try rollBack()))
        case .iptables(let call): try reply(try carryOut(call))
        case .rulesList(let options): try reply(.rules(try list(options)))
        case .recentLists: for row in recentLists() { try reply(.recentList(row)) }
        case .recentEntries(let name): for row in try recentEntries(name) { try reply(.recentEntry(row)) }
        case .recentEdit(let change): try reply(.done(try edit(change)))
        case .expectations: for row in expectationRows() { try reply(.expectation(row)) }
        case .helpers: for row in helperRows() { try reply(.helper(row)) }
        case .hashlimitTables: for row in hashlimitTables() { try reply(.hashlimitTable(row)) }
        case .hashlimitEntries(let name): for row in try hashlimitEntries(name) { try reply(.hashlimitEntry(row)) }
        case .setsRestore(let options): try reply(.done(try restore(options)))
        case .setsList(let options): try list(options, reply: reply)
        case .setsCommand(let command): try reply(.done(try perform(command)))
        case .logsReopen:
            reporter.reopen()
            try reply(.done(Done()))
        case .reload: try reply(.done(Done(message: try reloader.reload().joined(separator: "\n"))))
        }
    }

    private var version: VersionReply {
        var names = utsname()
        unsafe uname(&names)
        let kernel = unsafe withUnsafeBytes(of: names.release) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return VersionReply(
            version: Version.current, kernel: kernel, pid: getpid(), configuration: configurationPath)
    }
}
