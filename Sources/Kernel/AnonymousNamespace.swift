import CXDP
import Glibc

/// A network namespace without a name: nothing but this value's descriptor, and what lives in it, keeps it. When the
/// process ends, in whatever way, the namespace goes, and a veth end in it takes its peer along.
struct AnonymousNamespace: ~Copyable {
    let descriptor: Int32

    /// The calling thread makes it and is back in its own when the call returns.
    init() throws(HostPathError) {
        let former = try Self.current()
        defer { close(former) }
        guard martlet_unshare_network() == 0 else {
            throw HostPathError("create a network namespace", code: errno)
        }
        let made = unsafe open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        let code = errno
        Self.enter(former)
        guard made >= 0 else { throw HostPathError("open the new network namespace", code: code) }
        descriptor = made
    }

    deinit { close(descriptor) }

    /// Runs a body with the calling thread in the namespace: what it opens there stays there.
    func inside<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        let former: Int32
        do {
            former = try Self.current()
        } catch {
            fatalError("\(error)")
        }
        Self.enter(descriptor)
        defer {
            Self.enter(former)
            close(former)
        }
        return try body()
    }

    private static func current() throws(HostPathError) -> Int32 {
        let descriptor = unsafe open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw HostPathError("open this thread's network namespace", code: errno, advice: "/proc must be mounted")
        }
        return descriptor
    }

    /// A thread that cannot get back would do the rest of its work in the wrong namespace; there is no going on from that.
    private static func enter(_ descriptor: Int32) {
        guard martlet_enter_network(descriptor) == 0 else {
            fatalError(unsafe "cannot change the network namespace: \(String(cString: strerror(errno)))")
        }
    }
}
