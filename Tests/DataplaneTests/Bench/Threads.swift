import Glibc

/// A thread beside the test's own; the test's executor need not have a second one. To be joined.
final class BackgroundThread {
    private var thread = pthread_t()

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    init(_ run: @escaping @Sendable () -> Void) {
        let body = unsafe Unmanaged.passRetained(Body(run)).toOpaque()
        let error = unsafe pthread_create(
            &thread, nil,
            { body in
                if let body = unsafe body { unsafe Unmanaged<Body>.fromOpaque(body).takeRetainedValue().run() }
                return nil
            }, body)
        precondition(error == 0)
    }

    func join() { pthread_join(thread, nil) }
}

/// Runs a body on so many real threads at once and waits for all of them.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let threads = (0..<count).map { number in BackgroundThread { body(number) } }
    for thread in threads { thread.join() }
}

/// A pointer that threads share, each knowing what it may touch.
@safe struct Shared<Element: ~Copyable>: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Element>
}
