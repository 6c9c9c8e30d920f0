"""Opening files of the computer in front of the user: by a button, or dropped anywhere on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from seg_app.models import FORMATS
from seg_app.views import theme
from seg_app.views.reception import PART_BYTES

NO_ZARR = "A Zarr folder cannot be handed over. Put it into the folder of samples, or name it at the start: "
NO_ZARR += "seg-app serve FOLDER."
NO_IMAGE = "There is no image in this folder itself. Drop the folder that the images are in."


class Upload(JSComponent):
    """Sends files in parts, with progress and cancel. The server tells the page when they are there."""

    ticket = param.String(doc="What the server knows the page by; empty where it takes no files.")
    part_bytes = param.Integer(default=PART_BYTES)
    accept = param.String(default=",".join(sorted(FORMATS.keys() - {".zarr"})) + ",.txt,.hdr")
    no_zarr = param.String(default=NO_ZARR)
    no_image = param.String(default=NO_IMAGE)

    _esm = """
    export function render({ model }) {
      const root = document.createElement('div')
      const make = (tag, className, text) => {
        const node = document.createElement(tag)
        node.className = className
        node.textContent = text
        root.append(node)
        return node
      }
      const button = make('button', 'open', 'Open files …')
      const line = make('div', 'line', '')
      const stop = make('button', 'stop', 'Cancel')
      const veil = make('div', 'veil', 'Drop images to open them')
      const input = make('input', '', '')
      Object.assign(input, { type: 'file', multiple: true, accept: model.accept, hidden: true })
      let going = null
      const show = (text) => {
        line.textContent = text
        line.hidden = stop.hidden = !going
        button.hidden = Boolean(going)
      }
      const ask = async (step, query, body) => {
        const url = new URL(`upload/${step}${query}`, location.href.split('?')[0])
        const headers = { 'X-Upload-Ticket': model.ticket }
        const signal = step === 'cancel' ? null : going.signal
        const answer = await fetch(url, { method: 'POST', headers, body, signal })
        if (answer.ok) return
        const said = await answer.json().catch(() => null)
        throw new Error(said?.trouble ?? 'The server does not take the files. Reload the page and open them again.')
      }
      const megabytes = (n) => (n < 1e7 ? (n / 1e6).toFixed(1) : Math.round(n / 1e6))
      const send = async (files) => {
        const total = files.reduce((sum, file) => sum + file.size, 0)
        let sent = 0
        await ask('begin', '', JSON.stringify(files.map(({ name, size }) => ({ name, size }))))
        for (const file of files) {
          for (let offset = 0; offset < file.size; offset += model.part_bytes) {
            show(`${file.name}: ${megabytes(sent)} of ${megabytes(total)} MB`)
            const part = file.slice(offset, offset + model.part_bytes)
            await ask('part', `?name=${encodeURIComponent(file.name)}&offset=${offset}`, part)
            sent += part.size
          }
        }
        show('Looking at what has come …')
        await ask('finish', '', '')
      }
      const open = async (files) => {
        if (going || !files.length) return
        going = new AbortController()
        show('')
        try {
          await send([...files])
        } catch (error) {
          await ask('cancel', '', '').catch(() => null)
          if (error.name !== 'AbortError') {
            model.send_msg({ trouble: error instanceof TypeError
              ? 'The connection broke while files were sent. Open them again.' : error.message })
          }
        }
        going = null
        show('')
      }
      const imagesIn = async (folder) => {
        if (folder.name.toLowerCase().endsWith('.zarr')) throw new Error(model.no_zarr)
        const reader = folder.createReader(), entries = []
        for (let more; (more = await new Promise((done, fail) => reader.readEntries(done, fail))).length;) {
          entries.push(...more)
        }
        const isKnown = (name) => model.accept.split(',').some((end) => name.toLowerCase().endsWith(end))
        const images = entries.filter((entry) => entry.isFile && isKnown(entry.name))
        return Promise.all(images.map((entry) => new Promise((done, fail) => entry.file(done, fail))))
      }
      const openFolders = async (folders, beside) => {
        try {
          const files = [...beside, ...(await Promise.all(folders.map(imagesIn))).flat()]
          if (!files.length) throw new Error(model.no_image)
          await open(files.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true })))
        } catch (error) {
          model.send_msg({ trouble: error.message })
        }
      }
      button.onclick = () => input.click()
      input.onchange = () => { open([...input.files]); input.value = '' }
      stop.onclick = () => going?.abort()
      const brings = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files')
      let depth = 0
      const listeners = {
        dragenter: () => { depth += 1; veil.hidden = false },
        dragleave: () => { depth -= 1; veil.hidden = depth <= 0 },
        dragover: () => {},
        drop: (event) => {
          depth = 0
          veil.hidden = true
          // now: nothing can be asked of the event later
          const items = [...event.dataTransfer.items].filter((item) => item.kind === 'file')
          const isFolder = (item) => item.webkitGetAsEntry?.()?.isDirectory
          const folders = items.filter(isFolder).map((item) => item.webkitGetAsEntry())
          const files = items.filter((item) => !isFolder(item)).map((item) => item.getAsFile())
          if (folders.length) openFolders(folders, files)
          else open(files)
        },
      }
      const handlers = Object.entries(listeners).map(([kind, act]) => [kind, (event) => {
        if (!brings(event)) return
        event.preventDefault()  // else the browser leaves the page for the file
        act(event)
      }])
      for (const [kind, handler] of handlers) window.addEventListener(kind, handler)
      model.on('remove', () => { for (const [kind, handler] of handlers) window.removeEventListener(kind, handler) })
      veil.hidden = true
      show('')
      return root
    }
    """
    _stylesheets = [theme.UPLOAD_CSS]  # noqa: RUF012 - Panel's own way

    def __init__(self, ticket: str, complain: Callable[[str], None], **params: Any):
        super().__init__(ticket=ticket, sizing_mode="stretch_width", **params)
        self._complain = complain

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._complain(str(data.get("trouble", ""))[:500])
