import Glibc

/// A thread of the operating system, to which no signal is delivered: signals are the main thread's.
///
/// It must be joined, or started by `detach`.
public final class SystemThread: Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private let thread: pthread_t

    /// Starts a thread that is to be joined.
    ///
    /// - Throws: `Failure` if there can be no further thread.
    public init(_ run: @escaping @Sendable () -> Void) throws(Failure) {
        var all = sigset_t()
        var old = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &old)
        defer { unsafe pthread_sigmask(SIG_SETMASK, &old, nil) }
        let body = unsafe Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, unsafe body.toOpaque())
        guard code == 0 else {
            unsafe body.release()
            throw Failure("no thread: \(systemErrorText(code))")
        }
        self.thread = thread
    }

    /// Waits for the thread's end. To be called once, and not from the thread itself.
    public func join() { pthread_join(thread, nil) }

    /// Starts a thread that nobody waits for.
    public static func detach(_ run: @escaping @Sendable () -> Void) throws(Failure) {
        let thread = try SystemThread(run)
        pthread_detach(thread.thread)
    }
}
