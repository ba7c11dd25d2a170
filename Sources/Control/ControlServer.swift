import Glibc
import Synchronization

/// Answers requests. Called on the client's own thread, for several clients at once.
public protocol ControlHandler: Sendable {
    /// Carries a request out and replies: with one final reply, or with rows, after which the server itself sends the
    /// end. What it throws becomes a failure, unless the answer is complete already.
    ///
    /// - Parameter reply: throws when the client is gone; the handler then stops.
    func handle(_ request: Request, reply: (Reply) throws -> Void) throws
}

/// The control socket of the daemon.
///
/// One thread accepts, and each client has a thread with blocking reads and writes: control is rare, and a thread that
/// waits costs nothing. No client can harm the daemon or another client: lines are bounded, all of them together too,
/// every wait has an end, and nonsense gets a failure in answer.
///
/// Synchronisation: `clients` is guarded by its mutex; a socket in it is used by its client's thread alone, except for
/// `interrupt`. The listening socket is used by the accepting thread alone. `stop` may be called from any thread, not
/// from a handler.
public final class ControlServer: Sendable {
    /// The longest line taken, in bytes.
    public static let lineLimit = 64 << 20
    /// The most clients at once; the next one gets a failure.
    public static let clientLimit = 64
    /// So many of them can only be root's: rules on trial must be confirmed whatever others have open.
    static let kept = 4
    /// What the answer to one too many begins with.
    public static let tooManyClients = "too many clients"
    /// The most bytes that all clients' unfinished lines may hold together.
    static let bufferLimit = 256 << 20

    /// How long clients may take, in seconds.
    public struct Patience: Sendable {
        /// Silence between requests.
        public var idle = 300
        /// From the first byte of a line to its end.
        public var line = 60
        /// Not reading an answer.
        public var write = 30

        public init() {}
    }

    private struct Clients {
        var sockets: [Int: LineSocket] = [:]
        var next = 0
        var isStopping = false
    }

    private let file: SocketFile
    private let handler: any ControlHandler
    private let patience: Patience
    private let clients = Mutex(Clients())
    private let buffered = Mutex(0)
    private let wake: (read: Int32, write: Int32)
    private let acceptor = Mutex<SystemThread?>(nil)

    /// Binds the socket; nobody is answered before `start`.
    ///
    /// - Parameter group: whose members may connect besides root; nil, or a group that does not exist, for root alone.
    /// - Throws: a failure if the path cannot be bound or a living daemon has it.
    public init(path: String, group: String?, patience: Patience = Patience(), handler: any ControlHandler)
        throws(Failure)
    {
        file = try SocketFile(path: path, group: group)
        self.handler = handler
        self.patience = patience
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { throw Failure("no pipe: \(systemErrorText(errno))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        wake = (ends[0], ends[1])
    }

    deinit {
        stop()
        close(wake.read)
        close(wake.write)
    }

    public var path: String { file.path }

    /// Whether the group asked for exists. If it does not, root alone can connect, and the daemon should say so.
    public var hasGroup: Bool { file.hasGroup }

    /// Begins to answer.
    public func start() throws(Failure) {
        let descriptor = file.descriptor
        let wakeDescriptor = wake.read
        let thread = try SystemThread { [weak self] in
            while Self.waitForClient(descriptor, wakeDescriptor) {
                guard let self else { return }
                self.accept()
            }
        }
        acceptor.withLock { $0 = thread }
    }

    /// Stops answering: clients are cut off, and handlers at work find their `reply` throwing. Returns when all threads
    /// have ended and the socket's file is gone; a handler that never replies is waited for at most five seconds.
    public func stop() {
        let thread = acceptor.withLock { thread in
            defer { thread = nil }
            return thread
        }
        clients.withLock { clients in
            clients.isStopping = true
            for socket in clients.sockets.values { socket.interrupt() }
        }
        guard let thread else { return }
        var byte: UInt8 = 0
        _ = unsafe write(wake.write, &byte, 1)
        thread.join()
        for _ in 0..<500 where clients.withLock({ !$0.sockets.isEmpty }) { usleep(10_000) }
        file.remove()
    }

    // MARK: Accepting

    /// - Returns: false when the server stops.
    private static func waitForClient(_ descriptor: Int32, _ wake: Int32) -> Bool {
        var entries = [
            pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let ready = unsafe poll(&entries, 2, -1)
        return ready < 0 ? errno == EINTR : entries[0].revents == 0
    }

    private func accept() {
        let descriptor = Glibc.accept(file.descriptor, nil, nil)
        guard descriptor >= 0 else {
            // Out of descriptors: the client stays in the queue, and this thread must not spin meanwhile.
            if errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS { usleep(100_000) }
            return
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        let socket = LineSocket(adopting: descriptor)
        let isRoot = Self.user(of: descriptor) == 0
        let number: Int? = clients.withLock { clients in
            guard !clients.isStopping, Self.mayEnter(isRoot: isRoot, present: clients.sockets.count) else { return nil }
            clients.next += 1
            clients.sockets[clients.next] = socket
            return clients.next
        }
        guard let number else {
            refuse(socket, "\(Self.tooManyClients): no more than \(Self.clientLimit) at once, \(Self.kept) of them root's")
            return
        }
        do throws(Failure) {
            try SystemThread.detach { [self] in
                serve(socket)
                clients.withLock { _ = $0.sockets.removeValue(forKey: number) }
            }
        } catch {
            clients.withLock { _ = $0.sockets.removeValue(forKey: number) }
            refuse(socket, "no thread for another client")
        }
    }

    package static func mayEnter(isRoot: Bool, present: Int) -> Bool { present < (isRoot ? clientLimit : clientLimit - kept) }

    /// Who is at the other end; nil if the kernel does not say.
    private static func user(of descriptor: Int32) -> uid_t? {
        // struct ucred (unix(7)): process, user, group.
        var credentials: [UInt32] = [0, 0, 0]
        var length = socklen_t(credentials.count * 4)
        let code = unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length)
        return code == 0 ? credentials[1] : nil
    }

    /// The accepting thread waits for nobody: an answer that does not fit at once is not given.
    private func refuse(_ socket: LineSocket, _ message: String) {
        if let line = try? LineCodec.encode(Reply.failure(Failure(message))) { try? socket.send(line, seconds: 0) }
    }

    // MARK: Serving

    private func serve(_ socket: LineSocket) {
        var reader = LineReader(socket: socket, limit: Self.lineLimit)
        var share = 0
        defer { buffered.withLock { $0 -= share } }
        do throws(LineSocket.Trouble) {
            while let line = try reader.next(
                idle: patience.idle, line: patience.line,
                grown: { (size) throws(LineSocket.Trouble) in
                    let fits = buffered.withLock { total in
                        let fits = size <= share || total + size - share <= Self.bufferLimit
                        if fits { total += size - share }
                        return fits
                    }
                    guard fits else { throw .noRoom }
                    share = size
                })
            {
                try answer(line, on: socket)
            }
        } catch .tooLong {
            refuse(socket, "a line is longer than \(Self.lineLimit >> 20) MiB")
        } catch .noRoom {
            refuse(socket, "other clients are sending too much; try again")
        } catch {
            // Gone, stuck or silent: nobody is left to tell.
        }
    }

    private func answer(_ line: [UInt8], on socket: LineSocket) throws(LineSocket.Trouble) {
        var rows = 0
        var isComplete = false
        var trouble: LineSocket.Trouble?
        func send(_ reply: Reply) throws {
            precondition(!isComplete, "a handler replied after its final reply")
            if reply.isFinal { isComplete = true } else { rows += 1 }
            let bytes = try LineCodec.encode(reply)
            do throws(LineSocket.Trouble) {
                try socket.send(bytes, seconds: patience.write)
            } catch {
                trouble = error
                throw error
            }
        }
        do {
            let request = try LineCodec.decode(Request.self, from: line)
            try handler.handle(request, reply: send)
            if !isComplete { try send(.end(End(count: rows))) }
        } catch {
            if trouble == nil, !isComplete { try? send(.failure(error as? Failure ?? Failure("\(error)"))) }
        }
        if let trouble { throw trouble }
    }
}
