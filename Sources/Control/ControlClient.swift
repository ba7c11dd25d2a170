import Glibc

/// The other end of the control socket: asks the daemon and hands its answers on.
public struct ControlClient: ~Copyable {
    /// Where the daemon listens unless the configuration says otherwise.
    public static let defaultPath = "/run/martlet/control.sock"

    private var reader: LineReader
    private let path: String

    /// - Throws: a failure whose message says why no daemon answers, and what to do.
    public init(path: String) throws(Failure) {
        let descriptor = UnixAddress.makeSocket()
        guard descriptor >= 0 else { throw Failure("no socket: \(systemErrorText(errno))") }
        let socket = LineSocket(adopting: descriptor)
        guard let result = unsafe UnixAddress.with(path, { unsafe connect(descriptor, $0, $1) }) else {
            throw Failure("\"\(path)\" cannot be a socket: a path has 1 to \(UnixAddress.longest) bytes")
        }
        if result != 0 {
            let code = errno
            let hint =
                switch code {
                case ENOENT, ECONNREFUSED: "is `martlet run` running?"
                case EACCES, EPERM: "only root and the group named in the configuration may use it"
                default: "no daemon can be reached"
                }
            throw Failure("\(path): \(systemErrorText(code)); \(hint)")
        }
        reader = LineReader(socket: socket, limit: ControlServer.lineLimit)
        self.path = path
    }

    /// Sends a request and calls `row` with every row of the answer, in order.
    ///
    /// - Returns: the reply that ended the answer, never a row.
    /// - Throws: a failure if the daemon reported one, went away, or answered what is no reply; what `row` throws.
    public mutating func perform(_ request: Request, row: (Reply) throws -> Void = { _ in }) throws -> Reply {
        let line = try LineCodec.encode(request)
        guard line.count <= ControlServer.lineLimit else {
            throw Failure("the request is longer than \(ControlServer.lineLimit >> 20) MiB")
        }
        do throws(LineSocket.Trouble) {
            try reader.socket.send(line, seconds: 60)
        } catch {
            // A daemon that refuses says so before it closes, so what it said is worth reading.
            if error != .closed { throw Failure("\(path): \(describe(error))") }
        }
        while true {
            let answer: [UInt8]
            do throws(LineSocket.Trouble) {
                guard let next = try reader.next(idle: nil, line: 60) else { throw .closed }
                answer = next
            } catch {
                throw Failure("\(path): \(describe(error))")
            }
            let reply: Reply
            do throws(Failure) {
                reply = try LineCodec.decode(Reply.self, from: answer)
            } catch {
                throw Failure("\(path): the daemon's answer is not understood: \(error.message)")
            }
            if case .failure(let failure) = reply { throw failure }
            if reply.isFinal { return reply }
            try row(reply)
        }
    }

    private func describe(_ trouble: LineSocket.Trouble) -> String {
        switch trouble {
        case .closed: "the daemon went away"
        case .timedOut: "the daemon does not answer"
        case .tooLong, .noRoom: "the daemon's answer is too long"
        case .failed(let code): systemErrorText(code)
        }
    }
}
