import Glibc

/// A connected stream socket on which lines travel. One thread uses it at a time, except for `interrupt`.
///
/// Every wait has an end: a peer that stops reading, stops in the middle of a line, or stays silent, is given up.
final class LineSocket: Sendable {
    enum Trouble: Error, Equatable {
        /// The peer closed its side, or this side was interrupted.
        case closed
        /// The peer was silent, or did not read, for too long.
        case timedOut
        /// A line longer than the limit.
        case tooLong
        /// All clients together hold more than the daemon will buffer.
        case noRoom
        case failed(Int32)
    }

    let descriptor: Int32

    /// Takes a connected socket over and closes it at the end.
    init(adopting descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Lets a thread that waits in here go at once, with `closed`.
    func interrupt() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Sends everything, waiting at most `seconds` whenever the peer does not read.
    func send(_ bytes: [UInt8], seconds: Int) throws(Trouble) {
        var sent = 0
        while sent < bytes.count {
            try wait(POLLOUT, until: ContinuousClock.now + .seconds(seconds))
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.send(
                    descriptor, buffer.baseAddress! + sent, bytes.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count >= 0 {
                sent += count
            } else if errno == EPIPE || errno == ECONNRESET {
                throw .closed
            } else if errno != EINTR && errno != EAGAIN {
                throw .failed(errno)
            }
        }
    }

    /// Adds what has come to `buffer`, at most 64 KiB, waiting for it until `deadline` (nil: for ever).
    func receive(into buffer: inout [UInt8], until deadline: ContinuousClock.Instant?) throws(Trouble) {
        try wait(POLLIN, until: deadline)
        let room = 1 << 16
        let descriptor = descriptor
        var code: Int32 = 0
        var received = 0
        var chunk = [UInt8](repeating: 0, count: room)
        repeat {
            received = unsafe recv(descriptor, &chunk, room, Int32(MSG_DONTWAIT))
            code = errno
        } while received < 0 && code == EINTR
        if received < 0 {
            if code == EAGAIN { return }
            throw code == ECONNRESET ? .closed : .failed(code)
        }
        if received == 0 { throw .closed }
        buffer += chunk[..<received]
    }

    private func wait(_ events: Int32, until deadline: ContinuousClock.Instant?) throws(Trouble) {
        while true {
            var milliseconds: Int32 = -1
            if let deadline {
                let left = ContinuousClock.now.duration(to: deadline).components
                // A deadline that has passed still takes what is ready now.
                milliseconds = max(0, Int32(clamping: left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + (left.attoseconds > 0 ? 1 : 0)))
            }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let ready = unsafe poll(&entry, 1, milliseconds)
            if ready > 0 { return }
            if ready < 0 && errno != EINTR { throw .failed(errno) }
            if ready == 0, let deadline, ContinuousClock.now >= deadline { throw .timedOut }
        }
    }
}

/// Cuts what a socket delivers into lines.
struct LineReader: ~Copyable {
    let socket: LineSocket
    /// The longest line taken, in bytes without its newline.
    let limit: Int
    private var buffer: [UInt8] = []
    /// Bytes of `buffer` that were searched and hold no newline.
    private var searched = 0

    init(socket: LineSocket, limit: Int) {
        self.socket = socket
        self.limit = limit
    }

    /// Bytes waiting for the rest of their line.
    var buffered: Int { buffer.count }

    /// The next line without its newline; nil if the peer closed between lines.
    ///
    /// - Parameters:
    ///   - idle: seconds the peer may be silent before a line begins; nil for ever.
    ///   - line: seconds from the first byte of a line to its end.
    ///   - grown: called with the size of the buffer whenever it grew, and may refuse.
    mutating func next(
        idle: Int?, line: Int, grown: (Int) throws(LineSocket.Trouble) -> Void = { (_) throws(LineSocket.Trouble) in }
    ) throws(LineSocket.Trouble) -> [UInt8]? {
        var deadline = buffer.isEmpty ? idle.map { ContinuousClock.now + .seconds($0) } : .now + .seconds(line)
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                guard end <= limit else { throw .tooLong }
                let result = Array(buffer[..<end])
                buffer.removeSubrange(...end)
                searched = 0
                try grown(buffer.count)
                return result
            }
            searched = buffer.count
            guard buffer.count <= limit else { throw .tooLong }
            let wasEmpty = buffer.isEmpty
            do {
                try socket.receive(into: &buffer, until: deadline)
            } catch .closed {
                if wasEmpty { return nil }
                throw .closed
            }
            try grown(buffer.count)
            if wasEmpty && !buffer.isEmpty { deadline = .now + .seconds(line) }
        }
    }
}
