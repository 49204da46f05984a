"""The class board: a class's answers and best runs as they arrive, for the projector and for the teacher who opened the room."""

from pages.ui.teaching import board_page

board_page.show()
