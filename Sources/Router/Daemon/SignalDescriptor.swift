import CXDP
import Control
import Glibc

/// Signals as a descriptor: blocked for the whole process from its creation on, which must come before any thread is started.
struct SignalDescriptor: ~Copyable {
    let descriptor: Int32

    init(_ signals: [Int32]) throws(RouterError) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        descriptor = unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
        guard descriptor >= 0 else { throw RouterError("cannot wait for signals: \(systemErrorText(errno))") }
        signal(SIGPIPE, SIG_IGN)
    }

    deinit { close(descriptor) }

    /// The next signal that has come, or 0.
    borrowing func next() -> Int32 {
        var information = signalfd_siginfo()
        let count = unsafe read(descriptor, &information, MemoryLayout<signalfd_siginfo>.size)
        return count > 0 ? Int32(information.ssi_signo) : 0
    }
}
