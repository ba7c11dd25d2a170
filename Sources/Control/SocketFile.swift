import Glibc
import Synchronization

/// The control socket's file: made for one daemon alone, with its mode set before anyone can connect.
///
/// A lock file beside it decides between daemons. The kernel drops the lock with the process, so a socket whose lock is
/// free belonged to a dead daemon and is replaced; trying to connect would tell the same, but two daemons starting at
/// once could each remove the other's.
final class SocketFile: Sendable {
    let path: String
    /// The listening socket.
    let descriptor: Int32
    /// Whether the group asked for exists; if not, root alone can connect.
    let hasGroup: Bool
    private let lock: Int32
    private let identity: Identity
    private let isRemoved = Mutex(false)

    private struct Identity: Equatable {
        var device: UInt
        var inode: UInt
    }

    init(path: String, group: String?) throws(Failure) {
        try Self.makeFolder(of: path)
        let lock = try Self.takeLock(path)
        let descriptor = UnixAddress.makeSocket()
        do throws(Failure) {
            guard descriptor >= 0 else { throw Failure("no socket: \(systemErrorText(errno))") }
            try Self.clear(path)
            let hasGroup = try Self.bind(descriptor, path, group)
            guard let identity = Self.identity(of: path) else { throw Failure("\(path): \(systemErrorText(errno))") }
            self.path = path
            self.descriptor = descriptor
            self.hasGroup = hasGroup
            self.lock = lock
            self.identity = identity
        } catch {
            if descriptor >= 0 { close(descriptor) }
            unsafe unlink(path + ".lock")
            close(lock)
            throw error
        }
    }

    deinit {
        remove()
        close(descriptor)
    }

    /// Takes the files away, at an orderly end.
    func remove() {
        isRemoved.withLock { isRemoved in
            guard !isRemoved else { return }
            isRemoved = true
            // Only if it is still ours: whoever replaced it meant to.
            if Self.identity(of: path) == identity { unsafe unlink(path) }
            unsafe unlink(path + ".lock")
            close(lock)
        }
    }

    private static func identity(of path: String) -> Identity? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        return Identity(device: UInt(status.st_dev), inode: UInt(status.st_ino))
    }

    /// The last folder of the path, if it is missing: /run is empty after a boot.
    private static func makeFolder(of path: String) throws(Failure) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let folder = String(path[..<slash])
        guard unsafe mkdir(folder, 0o755) == 0 || errno == EEXIST else {
            throw Failure("\(folder): cannot be made: \(systemErrorText(errno))")
        }
    }

    private static func takeLock(_ path: String) throws(Failure) -> Int32 {
        let name = path + ".lock"
        while true {
            let lock = unsafe open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard lock >= 0 else { throw Failure("\(name): \(systemErrorText(errno))") }
            guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
                let code = errno
                close(lock)
                throw Failure(
                    code == EWOULDBLOCK ? "\(path): another daemon answers here" : "\(name): \(systemErrorText(code))")
            }
            // A daemon that just ended may have removed the file between our open and our lock.
            var held = stat()
            if unsafe fstat(lock, &held) == 0,
                identity(of: name) == Identity(device: UInt(held.st_dev), inode: UInt(held.st_ino))
            {
                return lock
            }
            close(lock)
        }
    }

    /// Removes what a dead daemon left; refuses what is no socket, or one that somebody answers.
    private static func clear(_ path: String) throws(Failure) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw Failure("\(path): \(systemErrorText(errno))")
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw Failure("\(path): exists and is not a socket") }
        let probe = UnixAddress.makeSocket()
        guard probe >= 0 else { throw Failure("no socket: \(systemErrorText(errno))") }
        defer { close(probe) }
        let result = unsafe UnixAddress.with(path) { unsafe connect(probe, $0, $1) }
        if result == 0 { throw Failure("\(path): another daemon answers here") }
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw Failure("\(path): \(systemErrorText(errno))") }
    }

    /// Binds so that nobody but root can connect before owner and mode are final.
    private static func bind(_ descriptor: Int32, _ path: String, _ group: String?) throws(Failure) -> Bool {
        // The file gets the socket's own mode (unix_bind in net/unix/af_unix.c), which can be set beforehand.
        guard fchmod(descriptor, 0o600) == 0,
            let bound = unsafe UnixAddress.with(path, { unsafe Glibc.bind(descriptor, $0, $1) })
        else { throw Failure("\"\(path)\" cannot be a socket: a path has 1 to \(UnixAddress.longest) bytes") }
        guard bound == 0 else { throw Failure("\(path): \(systemErrorText(errno))") }
        let number = group.flatMap(groupNumber)
        guard unsafe chown(path, uid_t.max, number ?? gid_t.max) == 0, unsafe chmod(path, 0o660) == 0, listen(descriptor, 64) == 0
        else {
            let code = errno
            unsafe unlink(path)
            throw Failure("\(path): \(systemErrorText(code))")
        }
        return group == nil || number != nil
    }

    private static func groupNumber(_ name: String) -> gid_t? {
        var entry = unsafe group()
        var found: UnsafeMutablePointer<group>? = nil
        var room = [CChar](repeating: 0, count: 1 << 16)
        guard unsafe getgrnam_r(name, &entry, &room, room.count, &found) == 0, unsafe found != nil else {
            return gid_t(name)
        }
        return unsafe entry.gr_gid
    }
}
