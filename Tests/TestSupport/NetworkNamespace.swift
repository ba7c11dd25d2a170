import CXDP
import Glibc

/// Carries out work on a new thread inside a named network namespace, and waits for it. Sockets opened there stay there.
public func inNetworkNamespace<T>(_ name: String, _ work: () throws -> T) throws -> T {
    try withoutActuallyEscaping(work) { work in
        var result: Result<T, any Error>?
        let visit = Visit(path: "/run/netns/\(name)") { result = Result { try work() } }
        let held = unsafe Unmanaged.passRetained(visit)
        defer { unsafe held.release() }
        var thread = pthread_t()
        let error = unsafe pthread_create(
            &thread, nil,
            { pointer in
                if let pointer = unsafe pointer {
                    unsafe Unmanaged<Visit>.fromOpaque(pointer).takeUnretainedValue().carryOut()
                }
                return nil
            }, held.toOpaque())
        guard error == 0 else { throw LabError("no thread: errno \(error)") }
        pthread_join(thread, nil)
        visit.work = nil
        guard let result else { throw LabError("cannot enter the namespace \(name)") }
        return try result.get()
    }
}

/// What the new thread is told.
private final class Visit {
    let path: String
    var work: (() -> Void)?

    init(path: String, work: @escaping () -> Void) {
        self.path = path
        self.work = work
    }

    func carryOut() {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        if martlet_enter_network(file) == 0 { work?() }
    }
}
