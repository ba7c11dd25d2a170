import Net

extension SetCollection {
    /// Carries out one ipset command that changes sets: create, add, del, flush, destroy, swap, rename.
    /// - Parameters:
    ///   - words: the command and its arguments.
    ///   - toleratesExisting: `-exist`: what is there may be added and what is not may be taken out.
    /// - Throws: what ipset would say; the collection is then as before, but for elements of the same word that were
    ///   already in place.
    public mutating func apply(_ words: [Word], toleratesExisting: Bool = false) throws(RuleError) {
        var exists = toleratesExisting
        let plain = words.filter { $0.text != "-exist" && $0.text != "-!" && $0.text != "--exist" }
        if plain.count < words.count { exists = true }
        guard let command = plain.first else { return }
        let arguments = plain.dropFirst()
        switch command.text {
        case "create", "n", "-N", "--create": try create(arguments, command, exists)
        case "add", "-A", "--add": try add(arguments, command, exists)
        case "del", "-D", "--del": try delete(arguments, command, exists)
        case "flush", "-F", "--flush":
            if let name = try name(arguments, command, optional: true) {
                self[name.text]!.removeAll()
            } else {
                flushAll()
            }
        case "destroy", "x", "-X", "--destroy": try destroy(arguments, command)
        case "swap", "w", "-W", "--swap": try swap(arguments, command)
        case "rename", "e", "-E", "--rename": try rename(arguments, command)
        default:
            throw SetParser.unknown(command)
        }
    }

    private mutating func flushAll() {
        for name in sets.map(\.name) { self[name]!.removeAll() }
    }

    /// The existing set that is named first.
    private func name(_ arguments: ArraySlice<Word>, _ command: Word, optional: Bool = false) throws(RuleError) -> Word?
    {
        guard let word = arguments.first else {
            if optional { return nil }
            throw RuleError("Missing mandatory argument to command \(command.text)", at: command)
        }
        guard self[word.text] != nil else {
            throw RuleError(
                "The set with the given name does not exist",
                hint: Suggestion.hint(for: word.text, among: sets.map(\.name)), at: word, exitCode: 1)
        }
        return word
    }

    private mutating func create(_ arguments: ArraySlice<Word>, _ command: Word, _ exists: Bool) throws(RuleError) {
        let list = Array(arguments)
        guard list.count >= 2 else { throw RuleError("Missing mandatory argument to command create", at: command) }
        try SetParser.checkName(list[0])
        let type = try SetParser.type(list[1])
        let options = try SetParser.options(type, list[2...], of: list[1])
        if let present = self[list[0].text] {
            guard exists, present.type == type else {
                throw RuleError(
                    "Set cannot be created: set with the same name already exists", at: list[0], exitCode: 1)
            }
            return
        }
        append(IPSet(name: list[0].text, type: type, options: options))
    }

    private mutating func add(_ arguments: ArraySlice<Word>, _ command: Word, _ exists: Bool) throws(RuleError) {
        let name = try name(arguments, command)!
        guard let word = arguments.dropFirst().first else {
            throw RuleError("Missing second mandatory argument to command add", at: command)
        }
        // Without its elements: a second owner of them would have them copied as soon as one is added.
        let set = self[name.text]!.emptied
        let entries = try SetEntryParser.entries(word, for: set)
        let notes = try SetNotes(arguments.dropFirst(2), for: set)
        let place = notes.place
        let template = notes.element(in: set)
        if case .set(let member)? = entries.first {
            try checkMember(member, of: name.text, word)
        }
        for entry in entries {
            let isPresent = self[name.text]!.contains(entry)
            guard exists || !isPresent else {
                throw RuleError("Element cannot be added to the set: it's already added", at: word, exitCode: 1)
            }
            guard isPresent || self[name.text]!.hasRoom else {
                throw RuleError(
                    set.type == .listSet
                        ? "List is full, cannot add more elements" : "Hash is full, cannot add more elements",
                    at: word, exitCode: 1)
            }
            var element = template
            element.entry = entry
            if let place {
                guard
                    let index = self[name.text]!.elements.firstIndex(where: { $0.entry == .set(place.reference.text) })
                else {
                    throw RuleError("Reference set does not exist in the list", at: place.reference, exitCode: 1)
                }
                self[name.text]!.insert(element, at: place.isBefore ? index : index + 1)
            } else {
                self[name.text]!.update(element)
            }
        }
    }

    private func checkMember(_ member: String, of list: String, _ word: Word) throws(RuleError) {
        guard let set = self[member] else {
            throw RuleError(
                "Set to be added/deleted/tested as element does not exist.",
                hint: Suggestion.hint(for: member, among: sets.map(\.name)), at: word, exitCode: 1)
        }
        guard set.type != .listSet else {
            throw RuleError("Sets with list:set type cannot be added to the set.", at: word, exitCode: 1)
        }
    }

    private mutating func delete(_ arguments: ArraySlice<Word>, _ command: Word, _ exists: Bool) throws(RuleError) {
        let name = try name(arguments, command)!
        guard let word = arguments.dropFirst().first else {
            throw RuleError("Missing second mandatory argument to command del", at: command)
        }
        // What is noted of an element need not be repeated to take it out, but it may be.
        _ = try SetNotes(arguments.dropFirst(2), for: self[name.text]!.emptied)
        for entry in try SetEntryParser.entries(word, for: self[name.text]!.emptied) {
            guard self[name.text]!.remove(entry) || exists else {
                throw RuleError("Element cannot be deleted from the set: it's not added", at: word, exitCode: 1)
            }
        }
    }

    private mutating func destroy(_ arguments: ArraySlice<Word>, _ command: Word) throws(RuleError) {
        guard let name = try name(arguments, command, optional: true) else {
            removeAll()
            return
        }
        guard lists(holding: name.text).isEmpty else {
            throw RuleError("Set cannot be destroyed: it is in use by a kernel component", at: name, exitCode: 1)
        }
        self[name.text] = nil
    }

    private mutating func swap(_ arguments: ArraySlice<Word>, _ command: Word) throws(RuleError) {
        let first = try name(arguments, command)!
        let second = try name(arguments.dropFirst(), command)!
        guard self[first.text]!.type == self[second.text]!.type else {
            throw RuleError("The sets cannot be swapped: their type does not match", at: second, exitCode: 1)
        }
        swap(first.text, second.text)
    }

    private mutating func rename(_ arguments: ArraySlice<Word>, _ command: Word) throws(RuleError) {
        let old = try name(arguments, command)!
        guard let new = arguments.dropFirst().first else {
            throw RuleError("Missing second mandatory argument to command rename", at: command)
        }
        try SetParser.checkName(new)
        guard self[new.text] == nil else {
            throw RuleError("Set cannot be renamed: a set with the new name already exists", at: new, exitCode: 1)
        }
        rename(old.text, to: new.text)
    }
}

extension IPSet {
    /// The set with its options and no elements.
    var emptied: IPSet { IPSet(name: name, type: type, options: options) }

    /// Whether one more element fits.
    var hasRoom: Bool {
        switch type {
        case .bitmapIP, .bitmapPort: true
        case .listSet: elements.count < Int(options.listSize)
        default: options.forcesAdd || elements.count < Int(options.maxElements)
        }
    }
}
