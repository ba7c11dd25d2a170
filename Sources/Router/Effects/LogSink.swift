import CXDP
import Control
import Glibc

/// A line for the log.
struct LogEntry {
    /// syslog's severity, 0 to 7.
    var level: UInt8
    /// Nanoseconds since 1970.
    var time: UInt64
    /// Without severity and line feed.
    var text: [UInt8]
}

/// Where log lines go. All of them come from the kernel's facility under the kernel's name, as LOG's do, so that what reads the
/// kernel's log reads these.
protocol LogSink: AnyObject {
    /// Takes a line; it need not be out before `flush`.
    ///
    /// - Returns: false if it is lost.
    func write(_ entry: LogEntry) -> Bool
    /// Puts out everything.
    ///
    /// - Returns: how many lines were lost.
    func flush() -> Int
    /// Begins a new file, if the old one was moved away.
    func reopen()
}

extension LogSink {
    func flush() -> Int { 0 }
    func reopen() {}
}

/// syslog's socket (RFC 3164 frames).
///
/// The datagram is written here, because syslog(3) makes facility 0, the kernel's, into the user's.
final class SyslogSink: LogSink {
    private var socket: UnixDatagram
    private var stamp = TimeText()

    init(path: String = "/dev/log") { socket = UnixDatagram(path: path) }

    func write(_ entry: LogEntry) -> Bool {
        // Facility 0 (kern) leaves only the severity.
        socket.send(Array("<\(entry.level)>\(stamp.traditional(entry.time)) kernel: ".utf8) + entry.text)
    }
}

/// The journal's own socket: fields, a line each (systemd, "Native Journal Protocol").
final class JournalSink: LogSink {
    private var socket: UnixDatagram

    init(path: String = "/run/systemd/journal/socket") { socket = UnixDatagram(path: path) }

    func write(_ entry: LogEntry) -> Bool {
        var message = Array(
            """
            PRIORITY=\(entry.level)
            SYSLOG_FACILITY=0
            SYSLOG_IDENTIFIER=kernel
            SYSLOG_TIMESTAMP=\(entry.time / 1000)
            MESSAGE=
            """.utf8)
        // A prefix has no line feed; if one came all the same, it could forge fields.
        message += entry.text.map { $0 == UInt8(ascii: "\n") ? UInt8(ascii: " ") : $0 }
        message.append(UInt8(ascii: "\n"))
        return socket.send(message)
    }
}

/// A file, as syslog daemons write theirs: time stamp of RFC 3339, host, tag, line.
final class FileSink: LogSink {
    private var file: AppendedFile
    private var stamp: TimeText
    private let host: String
    private var waiting: [UInt8] = []
    private var lines = 0

    /// - Parameters:
    ///   - host: the machine's name.
    ///   - isUniversal: time stamps in UTC, not in the machine's zone.
    init(path: String, host: String, isUniversal: Bool = false) {
        file = AppendedFile(path: path)
        stamp = TimeText(isUniversal: isUniversal)
        self.host = host
    }

    func write(_ entry: LogEntry) -> Bool {
        waiting += "\(stamp.exact(entry.time)) \(host) kernel: ".utf8
        waiting += entry.text
        waiting.append(UInt8(ascii: "\n"))
        lines += 1
        return true
    }

    func flush() -> Int {
        guard lines > 0 else { return 0 }
        defer {
            waiting.removeAll(keepingCapacity: true)
            lines = 0
        }
        return file.append(waiting) ? 0 : lines
    }

    func reopen() { file.reopen() }
}

/// Standard error, which a service manager reads, or a terminal.
final class StandardErrorSink: LogSink {
    private var stamp = TimeText()

    func write(_ entry: LogEntry) -> Bool {
        let line = Array("\(stamp.exact(entry.time)) kernel: ".utf8) + entry.text + [UInt8(ascii: "\n")]
        // A pipe that is ready takes PIPE_BUF bytes, and a line is shorter: nobody can make us wait.
        var ready = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&ready, 1, 0) == 1, ready.revents & Int16(POLLOUT) != 0 else { return false }
        return unsafe line.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) == $0.count }
    }
}

/// Times as text. The last second is kept, because lines come in crowds.
struct TimeText {
    private let isUniversal: Bool
    private var second: UInt64?
    private var text = ""
    private var zone = ""

    init(isUniversal: Bool = false) { self.isUniversal = isUniversal }

    /// As RFC 3164 has it: `Nov  1 08:54:10`, local time.
    mutating func traditional(_ time: UInt64) -> String {
        if second != time / 1_000_000_000 {
            second = time / 1_000_000_000
            text = format(time, "%b %e %H:%M:%S")
        }
        return text
    }

    /// As RFC 3339 has it, with microseconds: `2026-11-01T08:54:10.123456+00:00`.
    mutating func exact(_ time: UInt64) -> String {
        if second != time / 1_000_000_000 {
            second = time / 1_000_000_000
            text = format(time, "%Y-%m-%dT%H:%M:%S.")
            let offset = format(time, "%z")
            zone = offset.prefix(3) + ":" + offset.suffix(2)
        }
        let digits = "\(time / 1000 % 1_000_000)"
        return text + String(repeating: "0", count: 6 - digits.count) + digits + zone
    }

    private func format(_ time: UInt64, _ pattern: String) -> String {
        var seconds = Int(time / 1_000_000_000)
        var parts = unsafe tm()
        if isUniversal { unsafe gmtime_r(&seconds, &parts) } else { unsafe localtime_r(&seconds, &parts) }
        var text = [CChar](repeating: 0, count: 64)
        let length = unsafe strftime(&text, text.count, pattern, &parts)
        return String(decoding: text[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
