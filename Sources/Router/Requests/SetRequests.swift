import Control
import Net
import Rules

extension RequestHandler {
    private var now: UInt64 { MonotonicClock.now().nanoseconds }

    /// Restores an `ipset save` text: wholly or not at all.
    func restore(_ options: SetsRestore) throws(Failure) -> Done {
        do throws(Diagnostics) {
            try core.sets.restore(options.text, file: options.file, exists: options.exists, at: now)
        } catch {
            throw Failure("", diagnostics: error.list.map(Control.Diagnostic.init))
        }
        core.sets.maintain(at: now)
        return Done()
    }

    /// Carries out one ipset command.
    /// - Returns: of `test`, a count of 1 or 0 and the element; otherwise 1.
    func perform(_ command: SetsCommand) throws(Failure) -> Done {
        do throws(RuleError) {
            let answer = try core.sets.perform(
                Word.words(of: command.words, after: "ipset"), exists: command.exists, at: now)
            return Done(message: answer.element, count: answer.isThere ? 1 : 0)
        } catch {
            throw Failure(error.message, exitCode: error.exitCode)
        }
    }

    func list(_ options: SetsList, reply: (Reply) throws -> Void) throws {
        let form: SetListForm
        switch options.form {
        case .plain: form = .plain
        case .terse: form = .terse
        case .names: form = .names
        case .save: form = .save
        case .xml: form = .xml
        case .rows, .terseRows:
            for row in core.sets.rows(options.name, withElements: options.form == .rows, at: now) {
                try reply(.set(row))
            }
            return
        }
        let pieces: [String]
        do throws(RuleError) {
            pieces = try core.sets.list(options.name, form, at: now)
        } catch {
            throw Failure(error.message, exitCode: error.exitCode)
        }
        for piece in pieces { try reply(.text(TextPiece(text: piece))) }
    }
}
