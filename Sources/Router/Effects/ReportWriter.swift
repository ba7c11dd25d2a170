import Dataplane
import Net

/// Turns reports into what they are outside: lines in the log, copies in captures.
final class ReportWriter {
    private let log: any LogSink
    private let copies: NFLogFiles?
    private let interfaces: InterfaceNames
    private var auditNumber: UInt64 = 0
    /// Lines and copies that their sink did not take, so far.
    private(set) var lost: UInt64 = 0

    /// - Parameter copies: nil if nobody listens; copies then go nowhere, as in the kernel.
    init(log: any LogSink, copies: NFLogFiles?, interfaces: InterfaceNames) {
        self.log = log
        self.copies = copies
        self.interfaces = interfaces
    }

    /// - Parameter time: the packet's, in nanoseconds since 1970.
    func write(_ report: Report, time: UInt64) {
        switch report.header.kind {
        case .line:
            enter(report.header.level, LogLine.text(of: report, interfaces: interfaces), time)
        case .audit:
            auditNumber += 1
            // The severity that the kernel's audit log has in syslog: notice.
            enter(5, AuditLine.text(of: report, time: time, number: auditNumber), time)
        case .copy:
            copies?.write(
                NFLogMessage.bytes(of: report, time: time, interfaces: interfaces), group: report.header.group, time: time)
        }
    }

    private func enter(_ level: UInt8, _ text: [UInt8], _ time: UInt64) {
        if !log.write(LogEntry(level: level, time: time, text: text)) { lost += 1 }
    }

    /// Puts out everything that was written.
    func flush() { lost += UInt64(log.flush() + (copies?.flush() ?? 0)) }

    /// Begins new files, if the old ones were moved away.
    func reopen() {
        flush()
        log.reopen()
        copies?.reopen()
    }
}
