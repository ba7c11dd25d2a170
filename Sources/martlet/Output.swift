import Control
import Glibc
import Net
import Synchronization

/// Standard output and standard error, written in large pieces; a full disk or a closed terminal is noticed.
final class Output: Sendable {
    static let standard = Output(STDOUT_FILENO)
    static let error = Output(STDERR_FILENO)

    private let descriptor: Int32
    private let state = Mutex(State())

    private struct State {
        var buffer: [UInt8] = []
        var failure: Int32 = 0
    }

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func line(_ text: String) { write(text + "\n") }

    func write(_ text: String) {
        state.withLock { state in
            state.buffer += text.keptBytes
            if state.buffer.count >= 1 << 16 { empty(&state) }
        }
    }

    /// - Throws: if anything printed since the start could not be written.
    func flush() throws {
        let code = state.withLock { state in
            empty(&state)
            return state.failure
        }
        guard code == 0 else { throw Failure("cannot write: \(systemErrorText(code))") }
    }

    private func empty(_ state: inout State) {
        var done = 0
        while done < state.buffer.count, state.failure == 0 {
            let count = unsafe state.buffer.withUnsafeBytes { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            }
            if count >= 0 { done += count } else if errno != EINTR { state.failure = errno }
        }
        state.buffer.removeAll(keepingCapacity: true)
    }
}
